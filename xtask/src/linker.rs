//! bpf-linker, built against the LLVM that the eBPF toolchain brings.
//!
//! The linker must read the bitcode of that very LLVM. No distribution has it,
//! but rustup's own libLLVM exports the whole C API and holds the BPF target,
//! so a prefix with links to it is all that the linker's build asks for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::failure::{Context as _, Result, fail};
use crate::pins;
use crate::workspace::{self, ContextNone as _, Workspace};

/// Builds the pinned bpf-linker if it is not there. Returns whether it was built.
pub fn ensure(ws: &Workspace) -> Result<bool> {
    let tools = ws.tools();
    let stamp = tools.join("bpf-linker.stamp");
    let wanted = format!("{} {}\n", pins::BPF_LINKER, pins::EBPF);
    // The stamp names the toolchain too; running the linker shows that the
    // libLLVM it was linked to is still there.
    if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) && version(ws).is_some() {
        return Ok(false);
    }
    eprintln!(
        "xtask: building bpf-linker {} on the LLVM of {} (once, about a minute)",
        pins::BPF_LINKER,
        pins::EBPF
    );
    let prefix = tools.join("llvm");
    link_llvm(&llvm_dir(ws)?, &prefix.join("lib"))?;
    let mut install = ws.host_cargo();
    install
        .args(["install", "bpf-linker", "--locked", "--force", "--version"])
        .arg(pins::BPF_LINKER)
        .args(["--no-default-features", "--features"])
        .arg(format!("llvm-{}", pins::LLVM_MAJOR))
        .arg("--root")
        .arg(&tools)
        .env("LLVM_PREFIX", &prefix)
        // It asks for debug information, which takes a third of the build.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        // Its objects are of no use afterwards: a temporary directory.
        .env_remove("CARGO_TARGET_DIR");
    if !workspace::status(&mut install)?.success() {
        return fail(format!(
            "bpf-linker {} could not be built (cargo says why above): check the network and that a C++ linker is installed, then run `cargo xtask setup` again",
            pins::BPF_LINKER
        ));
    }
    version(ws).context_none(
        "the bpf-linker just built does not run: remove target/tools and try again",
    )?;
    fs::write(&stamp, wanted).context(|| format!("cannot write {}", stamp.display()))?;
    Ok(true)
}

/// What the installed linker says it is, if it runs and is the pinned one.
pub fn version(ws: &Workspace) -> Option<String> {
    let linker = ws.tools().join("bin/bpf-linker");
    let text = workspace::output(ws.command(linker).arg("--version"))?;
    let text = text.trim();
    (text.split(' ').nth(1) == Some(pins::BPF_LINKER)).then(|| text.to_owned())
}

/// The directory of the eBPF toolchain that holds its libLLVM.
fn llvm_dir(ws: &Workspace) -> Result<PathBuf> {
    let mut rustc = ws.rustup_run(pins::EBPF, "rustc");
    let sysroot = workspace::output(rustc.args(["--print", "sysroot"]))
        .context_none("the eBPF toolchain does not run: try `cargo xtask setup`")?;
    Ok(Path::new(sysroot.trim()).join("lib"))
}

/// Fills `prefix_lib` with links to the libLLVM in `toolchain_lib`: one by its
/// full name, which the dynamic loader asks for, and one by the name that the
/// static linker looks for.
fn link_llvm(toolchain_lib: &Path, prefix_lib: &Path) -> Result<()> {
    let wanted = format!("libLLVM.so.{}", pins::LLVM_MAJOR);
    let entries = fs::read_dir(toolchain_lib)
        .context(|| format!("cannot list {}", toolchain_lib.display()))?;
    let library = entries.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(&wanted))
    });
    let Some(library) = library else {
        return fail(format!(
            "no {wanted}* in {}: bpf-linker needs rustup's own toolchain, which brings its LLVM as a library; reinstall it with `rustup toolchain uninstall {}` and `cargo xtask setup`",
            toolchain_lib.display(),
            pins::EBPF,
        ));
    };
    // Links of an older pin must not stay beside the new ones.
    match fs::remove_dir_all(prefix_lib) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return fail(format!("cannot empty {}: {error}", prefix_lib.display()));
        }
        _ => {}
    }
    fs::create_dir_all(prefix_lib).context(|| format!("cannot make {}", prefix_lib.display()))?;
    let full_name = library.file_name().context_none("libLLVM has no name")?;
    for name in [full_name, "libLLVM.so".as_ref()] {
        let link = prefix_lib.join(name);
        symlink(&library, &link).context(|| format!("cannot make {}", link.display()))?;
    }
    Ok(())
}
