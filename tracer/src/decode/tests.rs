//! The decoder against the memory of the very structs that the kernel side
//! writes, so that a field added on one side alone cannot pass.

use tracer_common::facts::kind;

use super::*;

/// The bytes of a record, as the ring would carry them.
pub fn bytes_of<T: Copy>(record: &T) -> Vec<u8> {
    let len = size_of::<T>();
    // SAFETY: the records are plain integers without padding (asserted where
    // they are declared), so every byte is initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(record).cast::<u8>(), len) }.to_vec()
}

/// A record filled with a different byte at each place, and the wanted kind.
fn filled<T: Copy>(wanted: u16) -> (T, Vec<u8>) {
    let mut bytes: Vec<u8> = (0..size_of::<T>()).map(|i| (i * 37 % 251) as u8).collect();
    bytes[8..10].copy_from_slice(&wanted.to_le_bytes());
    // SAFETY: the records are plain integers, for which any bytes are valid.
    let record = unsafe { bytes.as_ptr().cast::<T>().read_unaligned() };
    assert_eq!(bytes_of(&record), bytes);
    (record, bytes)
}

macro_rules! round_trip {
    ($($name:ident: $kind:ident, $type:ty, $fact:expr;)+) => {
        $(#[test]
        fn $name() {
            let (record, bytes) = filled::<$type>(kind::$kind);
            let fact: fn($type) -> Fact = $fact;
            assert_eq!(decode(&bytes), Ok(fact(record)));
            assert_eq!(peek_time(&bytes), Some(fact(record).header().ts));
            for cut in 0..bytes.len() {
                assert!(matches!(decode(&bytes[..cut]), Err(DecodeError::Short { .. })));
            }
        })+
    };
}

round_trip! {
    signal: SIGNAL, SignalCore, Fact::Signal;
    signal_full: SIGNAL_FULL, SignalFull, |r| Fact::SignalFull(Box::new(r));
    deliver: DELIVER, DeliverCore, Fact::Deliver;
    deliver_full: DELIVER_FULL, DeliverFull, |r| Fact::DeliverFull(Box::new(r));
    exit: EXIT, Exit, |r| Fact::Exit(Box::new(r));
    zap: ZAP, Zap, |r| Fact::Zap(Box::new(r));
    oom: OOM, Oom, Fact::Oom;
    cgroup_mkdir: CGROUP_MKDIR, CgroupMkdir, |r| Fact::CgroupMkdir(Box::new(r));
    cgroup_rmdir: CGROUP_RMDIR, CgroupRmdir, Fact::CgroupRmdir;
}

#[test]
fn an_unknown_kind_is_an_error() {
    let mut bytes = vec![0; 16];
    bytes[8] = 99;
    assert_eq!(decode(&bytes), Err(DecodeError::UnknownKind(99)));
}
