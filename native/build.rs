//! The shim needs no library: the Node binary that loads it exports Node-API and libuv, and the kernel is reached
//! by instructions. Without the C library one file serves glibc and musl alike.

fn main() {
    for argument in [
        "-nostdlib",
        "-nostartfiles",
        "-Wl,-z,now",
        "-Wl,-z,relro",
        "-Wl,--gc-sections",
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
