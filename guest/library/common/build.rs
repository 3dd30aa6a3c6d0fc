//! Names the shared library as programs that were linked with it look for it.

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libguest_common_api.so.3");
    println!("cargo::rerun-if-changed=build.rs");
}
