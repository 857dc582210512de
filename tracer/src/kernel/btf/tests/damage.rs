//! Files as a user may give them with `--btf`: ELF, cut short, overwritten.

use crate::kernel::btf::*;

use super::blob::sample;

#[test]
fn takes_the_section_of_an_elf_file() {
    let btf = sample().bytes();
    let elf = elf_file(&btf);
    let path = std::env::temp_dir().join(format!("sigwhy-btf-{}", std::process::id()));
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("the temporary directory is writable");
        Btf::from_file(&path)
    };
    let whole = read(&elf).expect("it has a .BTF section");
    assert_eq!(whole.member_offset("task", "si_code"), Some(16));
    assert_eq!(
        read(&btf).expect("raw").member_offset("task", "pid"),
        Some(0)
    );
    for len in 0..elf.len() {
        // Cut anywhere, the last section header is gone.
        assert!(read(&elf[..len]).is_err(), "{len}");
    }
    let mut random = Random(1);
    for _ in 0..500 {
        let mut damaged = elf.clone();
        damage(&mut damaged, &mut random);
        if let Ok(btf) = read(&damaged) {
            ask_everything(&btf);
        }
    }
    std::fs::remove_file(&path).expect("it was written above");
}

/// Header, `.BTF`, names, then three section headers.
fn elf_file(btf: &[u8]) -> Vec<u8> {
    let names = b"\0.BTF\0.shstrtab\0";
    let names_at = 64 + btf.len() as u64;
    let table = names_at + names.len() as u64;
    let mut elf = vec![0; 64];
    elf[..4].copy_from_slice(elf::MAGIC);
    elf[4] = 2;
    elf[5] = if cfg!(target_endian = "little") { 1 } else { 2 };
    elf[40..48].copy_from_slice(&table.to_ne_bytes());
    for (at, half) in [(58, 64_u16), (60, 3), (62, 2)] {
        elf[at..at + 2].copy_from_slice(&half.to_ne_bytes());
    }
    elf.extend_from_slice(btf);
    elf.extend_from_slice(names);
    for (name, at, len) in [
        (0, 0, 0),
        (1_u32, 64, btf.len() as u64),
        (6, names_at, names.len() as u64),
    ] {
        let mut section = [0; 64];
        section[..4].copy_from_slice(&name.to_ne_bytes());
        section[4..8].copy_from_slice(&1_u32.to_ne_bytes());
        section[24..32].copy_from_slice(&u64::to_ne_bytes(at));
        section[32..40].copy_from_slice(&len.to_ne_bytes());
        elf.extend_from_slice(&section);
    }
    elf
}

/// A small generator (xorshift64), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Overwrites a few bytes, or cuts the end off.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if random.below(4) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    for _ in 0..random.below(8) {
        let at = random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = random.below(256) as u8;
        }
    }
}

fn ask_everything(btf: &Btf) {
    for name in [
        "task",
        "flags",
        "old_flags",
        "sigset_t",
        "task_struct",
        "pid",
        "pid_type",
    ] {
        for path in [
            "si_code",
            "blocked.sig",
            "one",
            "five",
            "numbers",
            "frozen",
            "comm",
        ] {
            let _ = btf.member_offset(name, path);
            let _ = btf.member_size(name, path);
            let _ = btf.member_array_len(name, path);
            let _ = btf.bitfield(name, path);
        }
        let _ = btf.size_of(name);
        let _ = btf.enum_value(name, "PIDTYPE_TGID");
    }
    for name in ["signal_generate", "sched_process_exit"] {
        let _ = btf.tracepoint_params(name);
    }
    for name in ["prepare_signal", "printk", "do_exit"] {
        let _ = btf.function_params(name);
        let _ = btf.function_returns_void(name);
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let sound = sample().bytes();
    for len in 0..sound.len() {
        assert!(Btf::parse(sound[..len].to_vec()).is_err(), "cut to {len}");
    }
    let mut random = Random(0x5eed);
    let mut parsed = 0;
    for _ in 0..5000 {
        let mut damaged = sound.clone();
        damage(&mut damaged, &mut random);
        if let Ok(btf) = Btf::parse(damaged) {
            ask_everything(&btf);
            parsed += 1;
        }
    }
    // Otherwise the lookups were hardly tried.
    assert!(parsed > 500, "{parsed}");
}

#[test]
fn the_running_kernel_damaged() {
    let Ok(sound) = std::fs::read(VMLINUX) else {
        return;
    };
    let mut random = Random(7);
    for _ in 0..24 {
        let mut damaged = sound.clone();
        damage(&mut damaged, &mut random);
        if let Ok(btf) = Btf::parse(damaged) {
            ask_everything(&btf);
        }
    }
}
