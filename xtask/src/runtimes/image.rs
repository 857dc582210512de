//! The images that the tests run, on one layer of what the machine's packages
//! have: no registry, no network, and no `docker build`.
//!
//! They are one docker-archive (the format of `docker save`), which docker,
//! containerd and podman all load. The same files make the same archive, so that
//! its hash says whether it must be loaded again.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::tar::Tar;
use crate::failure::{Context as _, Result, fail};
use crate::vm::initramfs::{REGULAR, Tree, utf8};
use crate::workspace::{self, ContextNone as _, Workspace};

/// What the names of all our images begin with. No registry is there, so nothing
/// is ever fetched by such a name.
pub const PREFIX: &str = "localhost/sigwhy-test/";

/// On every image, and so on every container of one: whose it is.
const LABEL: &str = "sigwhy-test";

/// A name for each kind of init, and how it is started.
pub const IMAGES: &[(&str, &[&str])] = &[
    ("busybox", &[]),
    // A shell without traps, waiting for a child: what `CMD ./start.sh` becomes.
    ("bash-init", &["/bin/bash-init"]),
    ("c-init", &["/bin/c-init"]),
    ("c-init-handler", &["/bin/c-init-handler"]),
    ("tini", &["/bin/tini", "--", "/bin/c-init"]),
    ("tini-g", &["/bin/tini", "-g", "--", "/bin/c-init"]),
    ("dumb-init", &["/bin/dumb-init", "--", "/bin/c-init"]),
    ("catatonit", &["/bin/catatonit", "--", "/bin/c-init"]),
    ("go-init", &["/bin/go-init"]),
    ("go-init-notify", &["/bin/go-init-notify"]),
    ("pause", &["/bin/pause"]),
];

/// Programs of the host, and their names in the images.
const PROGRAMS: &[(&str, &str)] = &[
    ("busybox", "busybox"),
    ("bash-static", "bash"),
    ("tini-static", "tini"),
    ("dumb-init", "dumb-init"),
    ("catatonit", "catatonit"),
];

const BASH_INIT: &str = "#!/bin/bash\nwhile :; do sleep 1; done\n";

/// What was made.
pub struct Images {
    /// The docker-archive.
    pub archive: PathBuf,
    /// SHA-256 of it.
    pub hash: String,
}

/// Makes all images, and `rootfs/` with the same files for a plain OCI bundle,
/// below `dir`.
pub fn build(ws: &Workspace, dir: &Path) -> Result<Images> {
    let parts = dir.join("image");
    fs::create_dir_all(&parts).context(|| format!("cannot make {}", parts.display()))?;
    let layer = parts.join("layer.tar");
    write(&root(ws, &parts)?, &layer)?;
    let layer_hash = hash(ws, &layer)?;
    unpack(ws, &layer, &dir.join("rootfs"), &layer_hash)?;

    let archive = dir.join("images.tar");
    let wrong = || format!("cannot write {}", archive.display());
    let mut tar = Tar::new(BufWriter::new(File::create(&archive).context(wrong)?));
    let mut add = |name: &str, bytes: &[u8]| tar.member(name, REGULAR | 0o644, bytes);
    let layer_name = format!("{layer_hash}/layer.tar");
    let bytes = fs::read(&layer).context(|| format!("cannot read {}", layer.display()))?;
    add(&layer_name, &bytes).context(wrong)?;
    let mut manifest = Vec::new();
    for (name, argv) in IMAGES {
        let config = config(argv, &layer_hash);
        let file = parts.join(format!("{name}.json"));
        fs::write(&file, &config).context(|| format!("cannot write {}", file.display()))?;
        let config_name = format!("{}.json", hash(ws, &file)?);
        add(&config_name, config.as_bytes()).context(wrong)?;
        manifest.push(format!(
            r#"{{"Config":"{config_name}","RepoTags":["{PREFIX}{name}:1"],"Layers":["{layer_name}"]}}"#
        ));
    }
    let manifest = format!("[{}]", manifest.join(","));
    add("manifest.json", manifest.as_bytes()).context(wrong)?;
    tar.finish().context(wrong)?;
    let hash = hash(ws, &archive)?;
    Ok(Images { archive, hash })
}

/// The files of the one layer.
fn root(ws: &Workspace, parts: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    for (program, name) in PROGRAMS {
        let host = workspace::on_path(program)
            .context_none(&format!("{program} is gone from PATH, after it was there"))?;
        tree.host_file(&host, &format!("/bin/{name}"))?;
    }
    let applets = workspace::output(ws.command("busybox").arg("--list"))
        .context_none("`busybox --list` failed")?;
    let is_own = |name: &str| PROGRAMS.iter().any(|(_, own)| *own == name);
    for applet in applets.lines().filter(|applet| !is_own(applet)) {
        tree.link(&format!("/bin/{applet}"), "busybox");
    }
    let init = parts.join("c-init");
    let mut cc = ws.command("cc");
    cc.args([
        "-static",
        "-O1",
        "-o",
        utf8(&init)?,
        "tests/runtimes/init.c",
    ]);
    workspace::run(&mut cc, "compiling tests/runtimes/init.c")?;
    tree.host_file(&init, "/bin/c-init")?;
    for name in ["c-init-handler", "pause", "segv"] {
        tree.link(&format!("/bin/{name}"), "c-init");
    }
    let init = parts.join("go-init");
    go_init(ws, parts, &init)?;
    tree.host_file(&init, "/bin/go-init")?;
    tree.link("/bin/go-init-notify", "go-init");
    tree.text("/bin/bash-init", 0o755, BASH_INIT);
    tree.text("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n");
    tree.text("/etc/group", 0o644, "root:x:0:\n");
    Ok(tree)
}

/// A program of Go's own libraries alone, the same whenever it is built.
fn go_init(ws: &Workspace, parts: &Path, init: &Path) -> Result<()> {
    let mut go = ws.command("go");
    go.args(["build", "-trimpath", "-ldflags", "-s -w", "-o"]);
    go.args([utf8(init)?, "tests/runtimes/init.go"]);
    go.env("CGO_ENABLED", "0").env("GO111MODULE", "off");
    go.env("GOFLAGS", "").env("GOTOOLCHAIN", "local");
    let path = parts.join("go");
    go.env("GOCACHE", path.join("cache")).env("GOPATH", path);
    workspace::run(&mut go, "compiling tests/runtimes/init.go")
}

fn write(tree: &Tree, file: &Path) -> Result<()> {
    let wrong = || format!("cannot write {}", file.display());
    let mut tar = Tar::new(BufWriter::new(File::create(file).context(wrong)?));
    tree.each(|path, mode, bytes| tar.member(path, mode, bytes).context(wrong))?;
    tar.finish().map(drop).context(wrong)
}

/// The layer as files, for runc, made anew when it is another.
fn unpack(ws: &Workspace, layer: &Path, rootfs: &Path, layer_hash: &str) -> Result<()> {
    let stamp = rootfs.with_extension("hash");
    if fs::read_to_string(&stamp).is_ok_and(|hash| hash == layer_hash) {
        return Ok(());
    }
    if rootfs.exists() {
        fs::remove_dir_all(rootfs).context(|| format!("cannot remove {}", rootfs.display()))?;
    }
    fs::create_dir_all(rootfs).context(|| format!("cannot make {}", rootfs.display()))?;
    let mut tar = ws.command("tar");
    tar.args(["-xf", utf8(layer)?, "-C", utf8(rootfs)?]);
    workspace::run(&mut tar, "unpacking the test images' layer")?;
    fs::write(&stamp, layer_hash).context(|| format!("cannot write {}", stamp.display()))
}

/// An image's configuration (OCI's image-spec, config.md). Without `argv` it is
/// a shell, and whoever runs it says what to run.
fn config(argv: &[&str], layer_hash: &str) -> String {
    let run = if argv.is_empty() {
        r#""Cmd":["/bin/sh"]"#.to_owned()
    } else {
        format!(r#""Entrypoint":["{}"]"#, argv.join(r#"",""#))
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!(
        concat!(
            r#"{{"architecture":"{arch}","os":"linux","created":"1970-01-01T00:00:00Z","#,
            r#""config":{{"Env":["PATH=/bin"],"Labels":{{"{label}":"1"}},{run}}},"#,
            r#""rootfs":{{"type":"layers","diff_ids":["sha256:{layer}"]}},"#,
            r#""history":[{{"created":"1970-01-01T00:00:00Z","created_by":"cargo xtask runtimes"}}]}}"#
        ),
        arch = arch,
        label = LABEL,
        run = run,
        layer = layer_hash
    )
}

/// SHA-256 of a file, in hexadecimal.
fn hash(ws: &Workspace, file: &Path) -> Result<String> {
    let printed = workspace::output(ws.command("sha256sum").arg("--").arg(file));
    let hash = printed.as_deref().and_then(|text| text.split(' ').next());
    match hash {
        Some(hash) if hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(hash.to_owned())
        }
        _ => fail(format!("`sha256sum {}` failed", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_says_how_the_init_is_started() {
        let text = config(&["/bin/tini", "--", "/bin/c-init"], "ab");
        assert!(
            text.contains(r#""Entrypoint":["/bin/tini","--","/bin/c-init"]"#),
            "{text}"
        );
        assert!(text.contains(r#""diff_ids":["sha256:ab"]"#), "{text}");
        assert!(config(&[], "ab").contains(r#""Cmd":["/bin/sh"]"#));
        let opened = text.matches(['{', '[']).count();
        assert_eq!(opened, text.matches(['}', ']']).count());
    }

    #[test]
    fn what_an_image_starts_is_in_it() {
        for (name, argv) in IMAGES {
            for program in argv.iter().filter(|word| word.starts_with('/')) {
                let file = program.trim_start_matches("/bin/");
                let linked = [
                    "bash-init",
                    "c-init",
                    "c-init-handler",
                    "go-init",
                    "go-init-notify",
                    "pause",
                ];
                assert!(
                    linked.contains(&file) || PROGRAMS.iter().any(|(_, own)| own == &file),
                    "{name}: {program}"
                );
            }
        }
    }
}
