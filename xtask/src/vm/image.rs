//! The ELF vmlinux out of a bzImage.
//!
//! QEMU boots an ELF with a PVH note directly, which spares the guest its own
//! decompressor: under emulation that is half a second to four.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use crate::failure::{Context as _, Result, fail};
use crate::workspace::{self, ContextNone as _, Workspace};

pub const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Where Documentation/arch/x86/boot.rst has the fields used here.
const SETUP_SECTS: usize = 0x1f1;
const HEADER: usize = 0x202;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// How a payload begins, and what unpacks it.
const PACKERS: &[(&[u8], &str, &[&str])] = &[
    (b"\x28\xb5", "zstd", &["-dcq"]),
    // The size behind the stream would be taken for a second one.
    (b"\xfd7", "xz", &["-dcq", "--single-stream"]),
    (b"\x02\x21", "lz4", &["-dcq"]),
    (b"\x1f\x8b", "gzip", &["-dcq"]),
];

/// Writes the vmlinux inside `image` to `elf`; an `image` that is one already
/// is copied. Fails for anything else, and for a payload that does not unpack to
/// the size that the kernel's build noted behind it.
pub fn unpack(ws: &Workspace, image: &Path, elf: &Path) -> Result<()> {
    let bytes = std::fs::read(image).context(|| format!("cannot read {}", image.display()))?;
    if bytes.starts_with(ELF_MAGIC) {
        return std::fs::write(elf, bytes).context(|| format!("cannot write {}", elf.display()));
    }
    let payload =
        payload(&bytes).context_none(&format!("{} is neither bzImage nor ELF", image.display()))?;
    let Some((_, tool, args)) = PACKERS
        .iter()
        .find(|(magic, ..)| payload.starts_with(magic))
    else {
        return fail(format!("{} is packed in no known way", image.display()));
    };
    let packed = elf.with_extension("packed");
    let wrong = |what: String| move || format!("unpacking {}: {what}", image.display());
    std::fs::write(&packed, payload).context(wrong("the payload".into()))?;
    let from = File::open(&packed).context(wrong("the payload".into()))?;
    let to = File::create(elf).context(wrong(elf.display().to_string()))?;
    let mut command = ws.command(tool);
    command.args(*args).stdin(from).stdout(to);
    // Most complain of the size behind their stream; the check is ours, below.
    workspace::status(command.stderr(Stdio::null()))?;
    let _ = std::fs::remove_file(&packed);

    let noted = noted_size(payload);
    let got = std::fs::metadata(elf).map(|meta| meta.len()).ok();
    if got != noted || !is_elf(elf) {
        return fail(format!(
            "unpacking {} with {tool} made {got:?} bytes and not {noted:?}",
            image.display()
        ));
    }
    Ok(())
}

/// Whether a file begins as an ELF does.
pub fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok_and(|()| magic == ELF_MAGIC)
}

/// The packed kernel, with the four bytes of size at its end.
fn payload(image: &[u8]) -> Option<&[u8]> {
    if image.get(HEADER..HEADER + 4)? != b"HdrS" {
        return None;
    }
    let sectors = match *image.get(SETUP_SECTS)? {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let from = (sectors + 1) * 512 + number(image, PAYLOAD_OFFSET)?;
    image.get(from..from.checked_add(number(image, PAYLOAD_LENGTH)?)?)
}

fn noted_size(payload: &[u8]) -> Option<u64> {
    let at = payload.len().checked_sub(4)?;
    number(payload, at).map(|size| size as u64)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Vec<u8> {
        let mut image = vec![0; 2048];
        image[SETUP_SECTS] = 1;
        image[HEADER..HEADER + 4].copy_from_slice(b"HdrS");
        image[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&16_u32.to_le_bytes());
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&8_u32.to_le_bytes());
        image[1040..1048].copy_from_slice(b"\x28\xb5..\x00\x01\x00\x00");
        image
    }

    #[test]
    fn the_payload_is_where_the_header_says() {
        let image = image();
        let payload = payload(&image);
        assert_eq!(payload, Some(&b"\x28\xb5..\x00\x01\x00\x00"[..]));
        assert_eq!(payload.and_then(noted_size), Some(256));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut image = image();
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(payload(&image), None);
        assert_eq!(payload(b"short"), None);
        assert_eq!(noted_size(b"abc"), None);
    }
}
