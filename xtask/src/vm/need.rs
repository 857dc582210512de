//! What must be installed before a kernel can be booted here.

use crate::failure::{Result, fail};
use crate::privilege;
use crate::workspace::{self, Workspace};

/// A program and the Debian package that has it.
struct Need {
    program: &'static str,
    package: &'static str,
}

const NEEDS: &[Need] = &[
    need("qemu-system-x86_64", "qemu-system-x86"),
    need("busybox", "busybox-static"),
    // What the four kernels are compressed with.
    need("xz", "xz-utils"),
    need("zstd", "zstd"),
    need("lz4", "lz4"),
    need("gzip", "gzip"),
    need("dpkg-deb", "dpkg"),
    need("ldd", "libc-bin"),
];

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// Installs what is missing when we are root; else says what to install.
pub fn ensure(ws: &Workspace) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        return fail("the guests are x86-64 and run the sigwhy built here: run this on x86-64");
    }
    let missing = missing_packages(workspace::is_installed);
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!(
        "apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    if !privilege::is_root() || !workspace::is_installed("apt-get") {
        return fail(format!(
            "booting kernels takes programs that are not here: as root, {install}"
        ));
    }
    eprintln!("xtask: {install}");
    let apt = |args: &[&str]| {
        let mut apt = ws.command("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        workspace::run(&mut apt, &format!("apt-get {}", args[0]))
    };
    let mut args = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    args.extend(&missing);
    // A new machine has no package lists, an old one has old ones.
    apt(&args).or_else(|_| {
        apt(&["update", "--quiet"])?;
        apt(&args)
    })
}

/// The packages of the programs that are not there.
fn missing_packages(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDS
        .iter()
        .filter(|need| !is_there(need.program))
        .map(|need| need.package)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_named() {
        assert!(missing_packages(|_| true).is_empty());
        let missing = missing_packages(|program| program != "xz" && program != "busybox");
        assert_eq!(missing, ["busybox-static", "xz-utils"]);
    }
}
