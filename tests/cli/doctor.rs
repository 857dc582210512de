//! `sigwhy doctor` on the kernel at hand.

use serde_json::Value;

use super::live::{run, sigwhy};

type Outcome = anyhow::Result<()>;

fn report(args: &[&str]) -> anyhow::Result<(Option<i32>, Value)> {
    let said = run(sigwhy().args(["doctor", "--format", "json"]).args(args))?;
    assert_eq!(said.err.len(), 0, "{:?}", said.err);
    assert_eq!(said.out.len(), 1);
    Ok((said.status.code(), said.records()?.remove(0)))
}

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no check {id}: {report}"))
}

#[test]
fn every_hook_is_tried_for_real() -> Outcome {
    let (code, report) = report(&[])?;
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["can_trace"], true);
    for id in ["signal_generate", "signal_deliver", "sched_process_exit"] {
        let check = check(&report, id);
        assert_eq!(check["group"], "Hooks");
        let detail = check["detail"].as_str().expect("text");
        assert!(detail.contains("raw_tp"), "{detail}");
        // The best way, or another one and why.
        match check["status"].as_str() {
            Some("ok") => assert!(detail.starts_with("tp_btf"), "{detail}"),
            Some("info") => {
                assert!(detail.contains("better but refused: tp_btf: "), "{detail}");
                assert!(check["remedy"].is_string(), "{check}");
            }
            other => panic!("{other:?}: {check}"),
        }
    }
    let zap = check(&report, "zap");
    let detail = zap["detail"].as_str().expect("text");
    match zap["status"].as_str() {
        Some("ok") => assert!(detail.starts_with("fentry"), "{detail}"),
        Some("info") => {
            assert!(detail.contains("fentry: "), "why not: {detail}");
            assert!(zap["remedy"].is_string());
        }
        other => panic!("{other:?}: {zap}"),
    }
    assert_ne!(check(&report, "fields")["status"], "fail");
    Ok(())
}

#[test]
fn a_kernel_by_its_types_alone() -> Outcome {
    let (code, judged) = report(&["--btf", "/sys/kernel/btf/vmlinux"])?;
    assert_eq!(code, Some(0), "{judged}");
    for id in [
        "btf",
        "fields",
        "signal_generate",
        "signal_deliver",
        "zap",
        "oom",
    ] {
        assert_ne!(check(&judged, id)["status"], "fail", "{id}");
    }
    // Nothing of this machine's rights or surroundings is in the judgement.
    let groups = judged["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .map(|c| &c["group"]);
    assert!(
        groups.clone().all(|g| g == "Kernel" || g == "Hooks"),
        "{judged}"
    );

    let (code, refused) = report(&["--btf", "/dev/null"])?;
    assert_eq!(code, Some(3));
    assert_eq!(refused["can_trace"], false);
    assert_eq!(check(&refused, "btf")["status"], "fail");
    Ok(())
}

/// Each rung's hook, name and whether it holds.
fn rungs(report: &Value) -> Vec<(String, Option<bool>)> {
    let hooks = report["hooks"].as_array().expect("hooks");
    let rungs = hooks.iter().flat_map(|hook| {
        let rungs = hook["rungs"].as_array().expect("rungs").iter();
        rungs.map(move |rung| {
            (
                format!("{}={}", hook["id"], rung["id"]),
                rung["holds"].as_bool(),
            )
        })
    });
    rungs.collect()
}

#[test]
fn what_types_foretell_comes_true() -> Outcome {
    let (_, tried) = report(&[])?;
    let (_, foretold) = report(&["--btf", "/sys/kernel/btf/vmlinux"])?;
    let (tried, foretold) = (rungs(&tried), rungs(&foretold));
    assert_eq!(tried.len(), foretold.len());
    for ((name, tried_holds), (same, foretold_holds)) in tried.iter().zip(&foretold) {
        assert_eq!(name, same);
        assert!(tried_holds.is_some(), "{name} was not tried");
        if foretold_holds.is_some() {
            assert_eq!(tried_holds, foretold_holds, "{name}");
        }
    }
    // Not everything is left open.
    assert!(foretold.iter().filter(|(_, holds)| holds.is_some()).count() > foretold.len() / 2);
    Ok(())
}

#[test]
fn text_is_the_same_without_colours() -> Outcome {
    let plain = run(sigwhy().args(["doctor", "--btf", "/sys/kernel/btf/vmlinux"]))?;
    let coloured = run(sigwhy().args([
        "doctor",
        "--btf",
        "/sys/kernel/btf/vmlinux",
        "--color",
        "always",
    ]))?;
    assert!(coloured.out.iter().any(|line| line.contains('\u{1b}')));
    assert!(plain.out.iter().all(|line| !line.contains('\u{1b}')));
    assert_eq!(plain.out.len(), coloured.out.len());
    Ok(())
}
