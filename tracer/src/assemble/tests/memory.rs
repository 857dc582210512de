//! Memory stays bounded whatever the machine does.

use tracer_common::{
    facts::zap as phase,
    signals::{SIGKILL, SIGTERM},
};

use super::build::*;
use crate::assemble::REMEMBERED;

const MANY: u32 = 200_000;

#[test]
fn many_processes_do_not_fill_the_memory() {
    let mut teller = Teller::new();
    for tgid in 1..=MANY {
        let who = Who { tgid, ..WORKER };
        let ts = u64::from(tgid) * 10;
        teller.take(sent(ts, SIGTERM, SHELL, who));
        teller.take(fatal(ts + 1, SIGKILL, SHELL, who));
        teller.take(exited(ts + 2, who, 9));
        teller.assembler.foresee(&oom(ts + 3, who));
        teller.records.clear();
    }
    let a = &teller.assembler;
    for (name, len) in [
        ("dying", a.dying.len()),
        ("awaited", a.awaited.len()),
        ("saw_sigterm", a.saw_sigterm.len()),
        ("exited", a.exited.len()),
    ] {
        assert!(len <= REMEMBERED && len > REMEMBERED / 2, "{name}: {len}");
    }
    assert!(a.oom.len() <= 1_024);
    // The youngest are remembered.
    assert_eq!(
        teller.take(exited(
            u64::MAX,
            Who {
                tgid: MANY,
                ..WORKER
            },
            9
        )),
        0
    );
}

#[test]
fn many_namespaces_do_not_either() {
    let mut teller = Teller::new();
    for tgid in 1..=MANY / 4 {
        let mut begin = zap(u64::from(tgid), phase::WAIT);
        begin.init.tgid = tgid;
        begin.pid.inum = tgid;
        assert_eq!(teller.take(begin), 1);
        teller.records.clear();
    }
    // The first are forgotten, the last is not.
    let mut end = zap(u64::MAX, phase::RELEASED);
    end.init.tgid = 1;
    assert_eq!(teller.take(end), 0);
    end.init.tgid = MANY / 4;
    assert_eq!(teller.take(end), 1);
}
