//! Builds the kernel side (`tracer-ebpf`) for the BPF target and leaves the
//! object in `OUT_DIR`, where `kernel::load` embeds it.

use anyhow::{Context as _, anyhow};
use aya_build::{Package, Toolchain};

/// The toolchain of the eBPF side. LLVM 22 on purpose: LLVM 23 returns 16-byte
/// values in two registers, which every released kernel's verifier refuses.
/// `xtask` installs it and holds this line to its own pin.
const EBPF_TOOLCHAIN: &str = "nightly-2026-07-15";

fn main() -> anyhow::Result<()> {
    let root_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tracer-ebpf");
    let package = Package {
        name: "tracer-ebpf",
        root_dir,
        ..Default::default()
    };
    // aya-build watches the package itself, not what it depends on.
    println!("cargo::rerun-if-changed={root_dir}/../tracer-common/src");
    println!("cargo::rerun-if-changed={root_dir}/../Cargo.lock");
    aya_build::build_ebpf([package], Toolchain::Custom(EBPF_TOOLCHAIN))
        .map_err(|e| anyhow!(e))
        .context(
            "building the eBPF side failed; `cargo xtask setup` installs the toolchain and the linker it needs",
        )
}
