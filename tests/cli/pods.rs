//! `--pod` and `--namespace`. The pods here are made by hand, of runc's word alone;
//! those of a real CRI are in `tests/runtimes/pods.rs`.

use libc::SIGTERM;
use serde_json::Value;

use super::cgroup::{OwnCgroup, new_id};
use super::live::{Live, run, sigwhy};
use super::names::{Made, OfRunc, is_of};
use super::story::stray;

type Outcome = anyhow::Result<()>;

/// A container in a pod.
struct InPod {
    made: Made,
    _word: OfRunc,
}

impl InPod {
    fn new(tag: &str, pod: &str, namespace: &str) -> anyhow::Result<Self> {
        let id = new_id();
        let cgroup = OwnCgroup::of_runc(&id)?;
        let made = Made::within(tag, id, cgroup)?;
        let labels = [
            "io.kubernetes.cri.container-name=app".to_owned(),
            format!("io.kubernetes.cri.sandbox-name={pod}"),
            format!("io.kubernetes.cri.sandbox-namespace={namespace}"),
        ];
        let word = OfRunc::told(&made.id, &made.init, &labels)?;
        Ok(Self { made, _word: word })
    }
}

/// One that nobody else has, also of another run of these tests.
fn own(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

#[test]
fn one_pod_of_three() -> Outcome {
    let (web, db, shop, bank) = (own("web"), own("db"), own("shop"), own("bank"));
    let pods = [
        InPod::new("pod-web", &web, &shop)?,
        InPod::new("pod-db", &db, &shop)?,
        InPod::new("pod-bank", &web, &bank)?,
    ];
    let any = format!("{}*", &web[..2]);
    let of_shop = format!("{shop}/{web}");
    let glob = format!("sh?p-{}/*", std::process::id());
    let cases: [(&[&str], [bool; 3]); 8] = [
        (&["--pod", &web], [true, false, true]),
        (&["--pod", &of_shop], [true, false, false]),
        (&["--pod", &glob], [true, true, false]),
        (&["--namespace", &shop], [true, true, false]),
        (&["--namespace", &bank], [false, false, true]),
        (&["--pod", &db, "--namespace", &shop], [false, true, false]),
        (&["--pod", &any, "--namespace", &bank], [false, false, true]),
        // A pod is not a namespace.
        (&["--namespace", &shop, "--pod", &shop], [false; 3]),
    ];
    for (filter, wanted) in cases {
        let said = run(sigwhy().args(["ps", "--format", "json"]).args(filter))?;
        let rows = said.records()?;
        let is_listed = |pod: &InPod| rows.iter().any(|row| row["id"] == *pod.made.id);
        assert_eq!(pods.each_ref().map(is_listed), wanted, "ps {filter:?}");

        let live = Live::json(filter)?;
        for pod in &pods {
            pod.made.inside.kill(1, SIGTERM)?;
        }
        let records = live.records()?;
        let is_shown = |pod: &InPod| records.iter().any(|r| is_of(r, &pod.made.id));
        assert_eq!(pods.each_ref().map(is_shown), wanted, "live {filter:?}");
        let is_ours = |r: &Value| pods.iter().any(|pod| is_of(r, &pod.made.id));
        assert_eq!(stray(&records, is_ours), None, "{filter:?}");
        for record in records.iter().filter(|r| r["type"] == "signal") {
            let container = &record["target"]["container"];
            assert_eq!(container["name"], "app", "{record:#}");
            let pod = [&container["pod"], &container["pod_namespace"]];
            assert!(pod.iter().all(|name| name.is_string()), "{record:#}");
        }
    }
    Ok(())
}
