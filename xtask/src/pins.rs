//! Every version that xtask installs, with the reason for it.
//!
//! There is no `rust-toolchain.toml`: where rustup may not install by itself
//! (`RUSTUP_AUTO_INSTALL=0`) it would stop even xtask, which is what installs.

/// The compiler of everything that runs in user space: what `aya` 0.16 and
/// `aya-build` 0.2.1 ask for. The workspace's `rust-version` says the same.
pub const HOST: &str = "1.98.0";

/// What [`HOST`] needs beside rustup's minimal profile.
pub const HOST_COMPONENTS: &[&str] = &["clippy", "rustfmt"];

/// The compiler of the eBPF side, a nightly because `-Z build-std` is one: the
/// last ones with LLVM 22. `tracer/build.rs` says the same.
pub const EBPF: &str = "nightly-2026-07-15";

/// What [`EBPF`] needs beside rustup's minimal profile.
pub const EBPF_COMPONENTS: &[&str] = &["rust-src", "clippy", "rustfmt"];

/// The LLVM major of [`EBPF`], never 23: LLVM 23 returns 16-byte values (every
/// `Result<u64, i32>`) in two registers, R0 and R2, and the verifier of every
/// released kernel refuses to read R2 after a call.
pub const LLVM_MAJOR: &str = "22";

/// Links the bitcode of the eBPF side; it must be built on the LLVM that
/// [`EBPF`] has, and that release has a feature for it.
pub const BPF_LINKER: &str = "0.13.0";

/// Checks licences and sources of what sigwhy depends on.
pub const CARGO_DENY: &str = "0.20.2";

/// Makes the documents a book.
pub const MDBOOK: &str = "0.5.4";

#[cfg(test)]
mod tests {
    use super::*;

    /// The text between the quotes after `key` in `text`.
    fn quoted<'a>(text: &'a str, key: &str) -> Option<&'a str> {
        let after = &text[text.find(key)? + key.len()..];
        after.split('"').nth(1)
    }

    #[test]
    fn the_build_script_asks_for_the_pinned_nightly() {
        let build_rs = include_str!("../../tracer/build.rs");
        assert_eq!(quoted(build_rs, "const EBPF_TOOLCHAIN"), Some(EBPF));
    }

    #[test]
    fn the_workspace_asks_for_the_pinned_compiler() {
        let manifest = include_str!("../../Cargo.toml");
        let minor = HOST.rsplit_once('.').map(|(minor, _patch)| minor);
        assert_eq!(quoted(manifest, "\nrust-version"), minor);
    }

    #[test]
    fn who_contributes_is_told_the_pinned_versions() {
        let text = include_str!("../../CONTRIBUTING.md");
        for (name, version) in [
            ("Rust", HOST),
            ("Rust", EBPF),
            ("bpf-linker", BPF_LINKER),
            ("cargo-deny", CARGO_DENY),
            ("mdBook", MDBOOK),
        ] {
            assert!(
                text.contains(&format!("| {name} {version} ")),
                "{name} {version}"
            );
        }
    }

    #[test]
    fn xtask_itself_asks_for_less() {
        let manifest = include_str!("../Cargo.toml");
        assert_eq!(quoted(manifest, "\nrust-version"), Some("1.85"));
    }
}
