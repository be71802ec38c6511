//! Declares `cfg(fuzzing)`, which cargo-fuzz sets. Here and not in `[lints]`, because that section cannot both take the
//! lints of the workspace and add one of its own.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
    println!("cargo::rerun-if-changed=build.rs");
}
