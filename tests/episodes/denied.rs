//! Stop signals that may not be sent, on kernels that let sigwhy see it.

use sigwhy::lab::arena::Order;

use super::*;
use crate::harness::skip;

/// Another user than the container's.
const NOBODY: u32 = 65534;

#[test]
fn a_stop_that_is_refused() -> Outcome {
    let stage = Stage::new("app")?;
    stage.runtime.order(Order::SetUid { uid: NOBODY })?;
    let live = Live::json(["--episodes-only"])?;
    for signal in [SIGTERM, SIGKILL] {
        let kill = Order::Kill {
            pid: stage.init.pid(),
            signal,
        };
        assert_eq!(stage.runtime.errno_of(kill)?, libc::EPERM);
    }
    let records = live.records()?;
    let start = records.iter().find(|record| record["type"] == "start");
    let hooks = &start.context("a start")?["hooks"];
    let told = records.iter().rfind(|record| is_of(&stage.init, record));
    if hooks["permission"].is_null() {
        assert_eq!(told, None, "nothing tells of it");
        skip::skip("neither fexit nor kprobes, so that nobody sees a refused signal");
        return Ok(());
    }
    let told = told.with_context(|| format!("no episode among {records:#?}"))?;
    found(told, &["SENDER_DENIED"]);
    assert_eq!(told["ungraceful"], true, "{told:#}");
    assert_eq!(told["stop_signal"]["name"], "SIGTERM");
    assert_eq!(told["stop_sender"]["comm"], "runc");
    assert_eq!(told["exit_code"], Value::Null);
    let summary = told["summary"].as_str().context("a summary")?;
    ensure!(summary.contains("which the kernel refused"), "{summary}");
    Ok(())
}
