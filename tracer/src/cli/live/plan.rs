//! What the options mean: which filters the kernel applies, which the view does.

use std::{os::unix::fs::MetadataExt as _, path::PathBuf, time::Duration};

use anyhow::Context as _;

use tracer_common::{
    facts::result::REFUSED_BIT,
    globals::{WANT_SENDER, WANT_TARGET, gate},
    signals::{SIGCHLD, SIGURG, SIGWINCH, mask},
};

use super::{Select, Trace};
use crate::{
    container::{Pattern, Wanted},
    decide::{Outcome, names},
    kernel::load,
    view::{Senders, View},
};

/// What is left out by default: news about no one. SIG32 and SIG33 are the C
/// library's own, SIGURG is how Go wakes its threads. SIGWINCH is left to the view:
/// it is the stop signal of some images.
const NOISE: u64 = mask(SIGCHLD) | mask(SIGURG) | mask(32) | mask(33);

/// Containers that were asked for by name, and not by number.
#[derive(Debug, Clone, Default)]
pub struct Named {
    pub targets: Wanted,
    pub senders: Wanted,
}

/// The options, understood.
#[derive(Debug)]
pub struct Plan {
    pub load: load::Options,
    pub view: View,
    pub named: Named,
    /// Wanted host pids, with `WANT_*` bits.
    pub pids: Vec<(u32, u8)>,
    /// Wanted PID namespaces of targets.
    pub pid_ns: Vec<(u32, u8)>,
    /// Wanted cgroups of targets, by kernfs id.
    pub cgroups: Vec<(u64, u8)>,
    pub verbose: bool,
    /// The filters as they were given, for the `start` record.
    pub filters: Vec<String>,
}

impl Plan {
    /// Understands the options.
    ///
    /// # Errors
    /// When a cgroup cannot be read.
    pub fn new(args: &Select, trace: &Trace, verbose: bool) -> anyhow::Result<Self> {
        let containers = args.which.wanted();
        let senders = senders(args);
        // Numbers need no names.
        let inodes = containers.pid_namespaces();
        let is_named = inodes.is_none() && !containers.is_all();
        let pid_ns: Vec<_> = inodes
            .unwrap_or_default()
            .into_iter()
            .map(|inode| (inode, 1))
            .collect();
        let cgroups = wanted_cgroups(&trace.cgroup)?;
        let pids: Vec<_> = wanted_pids(&args.pid, &args.sender_pid);

        let mut gates = 0;
        for (on, bit) in [
            (
                args.host || args.all || !pids.is_empty() || !cgroups.is_empty(),
                gate::HOST,
            ),
            (args.all, gate::NOISE),
            (args.inits, gate::INITS_ONLY),
            (!pids.is_empty(), gate::PIDS),
            (!args.pid.is_empty(), gate::TARGET_PIDS),
            (!pid_ns.is_empty(), gate::PID_NS),
            (!cgroups.is_empty(), gate::CGROUPS),
            (is_named, gate::NAMED),
            (!senders.is_all(), gate::SENDERS_NAMED),
        ] {
            if on {
                gates |= bit;
            }
        }
        Ok(Self {
            load: load::Options {
                signal_set: signal_set(args),
                result_set: results_of(&args.outcome),
                gates,
                btf: trace.btf.clone(),
                forced: trace.attach.forced.clone(),
                kernel_log: trace.kernel_log,
                ring_bytes: trace.buffer.next_power_of_two() << 20,
                names: !trace.no_names,
                sockets: trace.asking.may(),
                without: &[],
            },
            named: Named {
                targets: if is_named {
                    containers.clone()
                } else {
                    Wanted::default()
                },
                senders,
            },
            view: View {
                signals_only: !args.signal.is_empty() || !cgroups.is_empty(),
                ..view(args)
            },
            pids,
            pid_ns,
            cgroups,
            verbose,
            filters: describe(args, trace),
        })
    }
}

/// What is shown of what comes.
pub fn view(args: &Select) -> View {
    let by_pid = !args.pid.is_empty() || !args.sender_pid.is_empty();
    View {
        containers: args.which.wanted(),
        senders: Senders::new(senders(args)),
        outcomes: args.outcome.clone(),
        reasons: args.reason.clone(),
        signals_only: !args.signal.is_empty(),
        noise: args.all,
        resizes: args.all || args.signal.contains(&SIGWINCH),
        ends_of: by_pid.then(|| args.pid.clone()),
    }
}

fn senders(args: &Select) -> Wanted {
    Wanted {
        called: Pattern::list(&args.sender_container),
        ..Wanted::default()
    }
}

/// The wanted signals, as bits.
pub fn signal_set(args: &Select) -> u64 {
    match args.signal.as_slice() {
        [] if args.all => u64::MAX,
        [] => !NOISE,
        chosen => chosen.iter().fold(0, |set, sig| set | mask(*sig)),
    }
}

fn wanted_pids(targets: &[u32], senders: &[u32]) -> Vec<(u32, u8)> {
    let mut wanted = std::collections::BTreeMap::new();
    for pid in targets {
        *wanted.entry(*pid).or_insert(0) |= WANT_TARGET;
    }
    for pid in senders {
        *wanted.entry(*pid).or_insert(0) |= WANT_SENDER;
    }
    wanted.into_iter().collect()
}

/// The tracepoint results that can come to these outcomes, as bits: what comes
/// to none of them need not leave the kernel.
fn results_of(outcomes: &[Outcome]) -> u32 {
    const QUEUED: u32 = 1 << 0 | 1 << 4;
    const ALL: u32 = u32::MAX;
    let of = |outcome: &Outcome| match outcome {
        Outcome::Queued | Outcome::Fatal => QUEUED,
        Outcome::Coalesced => 1 << 2,
        Outcome::Failed => 1 << 3 | 1 << REFUSED_BIT,
        // To 6.0 a dying target's signals are queued and count as dropped; and a
        // delivery wants to know when its signal was sent.
        Outcome::Dropped | Outcome::Handled | Outcome::Stopped | Outcome::Ignored => ALL,
    };
    match outcomes {
        [] => ALL,
        some => some.iter().map(of).fold(0, |set, bits| set | bits),
    }
}

/// The kernfs ids, which are the inodes, of cgroup directories and of all below them.
fn wanted_cgroups(directories: &[PathBuf]) -> anyhow::Result<Vec<(u64, u8)>> {
    let mut wanted = Vec::new();
    let mut left: Vec<PathBuf> = directories.to_vec();
    while let Some(directory) = left.pop() {
        let name = || format!("cannot read the cgroup {}", directory.display());
        let metadata = std::fs::metadata(&directory).with_context(name)?;
        wanted.push((metadata.ino(), 1));
        for entry in std::fs::read_dir(&directory).with_context(name)? {
            let entry = entry.with_context(name)?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
        }
    }
    Ok(wanted)
}

/// The filters as words, for the `start` record and the header.
fn describe(args: &Select, trace: &Trace) -> Vec<String> {
    let mut words = Vec::new();
    let list = |name: &str, items: Vec<String>| {
        (!items.is_empty()).then(|| format!("{name} {}", items.join(",")))
    };
    let strings = |items: &[u32]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    words.extend(list(
        "--signal",
        args.signal
            .iter()
            .map(|s| names::signal(*s).to_owned())
            .collect(),
    ));
    words.extend(list("--pid", strings(&args.pid)));
    words.extend(list("--sender-pid", strings(&args.sender_pid)));
    let which = args.which.words();
    words.extend(
        which
            .into_iter()
            .filter_map(|(name, values)| list(name, values)),
    );
    words.extend(list("--sender-container", args.sender_container.clone()));
    words.extend(list(
        "--cgroup",
        trace
            .cgroup
            .iter()
            .map(|c| c.display().to_string())
            .collect(),
    ));
    words.extend(list(
        "--outcome",
        args.outcome.iter().map(|o| o.id().to_owned()).collect(),
    ));
    words.extend(list(
        "--reason",
        args.reason.iter().map(|r| r.id().to_owned()).collect(),
    ));
    for (on, word) in [
        (args.inits, "--inits"),
        (args.host, "--host"),
        (args.all, "--all"),
        (trace.no_names, "--no-names"),
    ] {
        if on {
            words.push(word.to_owned());
        }
    }
    words
}

/// A century: added to any time, it is still one.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads `10s`, `500ms`, `2m`, `1h30m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = || "expected a time such as 10s, 500ms or 2m".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| refuse())?;
    Duration::try_from(duration)
        .ok()
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::{super::Args, *};

    fn try_plan(words: &[&str]) -> anyhow::Result<Plan> {
        let command = <Args as clap::Args>::augment_args(clap::Command::new("live"));
        let command = command.no_binary_name(true);
        let matches = command.try_get_matches_from(words).expect("valid");
        let args = Args::from_arg_matches(&matches).expect("valid");
        Plan::new(&args.select, &args.trace, false)
    }

    fn plan(words: &[&str]) -> Plan {
        try_plan(words).expect("readable")
    }

    #[test]
    fn the_default_is_containers_without_noise() {
        let plan = plan(&[]);
        assert_eq!(plan.load.gates, 0);
        assert_eq!(plan.load.signal_set & mask(SIGCHLD), 0);
        assert_ne!(plan.load.signal_set & mask(15), 0);
        // The stop signal of httpd; the view hides the rest of them.
        assert_ne!(plan.load.signal_set & mask(SIGWINCH), 0);
        assert!(!plan.view.resizes);
        assert!(plan.filters.is_empty());
        assert!(plan.load.sees_everything_about_sigterm());
    }

    #[test]
    fn a_chosen_signal_is_shown_even_if_it_is_noise() {
        assert!(plan(&["--signal", "WINCH"]).view.resizes);
        let plan = plan(&["--signal", "CHLD,9"]);
        assert_eq!(plan.load.signal_set, mask(17) | mask(9));
        assert!(plan.view.signals_only);
        assert!(!plan.load.sees_everything_about_sigterm());
        assert_eq!(plan.filters, ["--signal SIGCHLD,SIGKILL"]);
    }

    #[test]
    fn pids_reach_out_to_the_host() {
        let plan = plan(&["--pid", "5", "--sender-pid", "5,6"]);
        assert_eq!(
            plan.pids,
            [(5, WANT_TARGET | WANT_SENDER), (6, WANT_SENDER)]
        );
        assert_eq!(plan.load.gates, gate::HOST | gate::PIDS | gate::TARGET_PIDS);
    }

    #[test]
    fn namespaces_are_selected_by_number_and_all_else_by_name() {
        assert_eq!(
            plan(&["-c", "pidns-7,4026532180"]).pid_ns,
            [(7, 1), (4_026_532_180, 1)]
        );
        assert!(plan(&["-c", "pidns-7"]).named.targets.is_all());
        for words in [
            ["--container", "pidns-7,web*"],
            ["--pod", "web"],
            ["--runtime", "runc"],
        ] {
            let plan = plan(&words);
            assert!(plan.pid_ns.is_empty() && !plan.named.targets.is_all());
            assert_eq!(plan.load.gates, gate::NAMED);
            assert_eq!(plan.filters, [words.join(" ")]);
        }
        let plan = plan(&["--sender-container", "web"]);
        assert_eq!(plan.load.gates, gate::SENDERS_NAMED);
    }

    #[test]
    fn outcomes_narrow_the_results_where_they_can() {
        assert_eq!(
            plan(&["--outcome", "queued,coalesced"]).load.result_set,
            0b1_0101
        );
        assert_eq!(plan(&["--outcome", "failed"]).load.result_set, 0b10_1000);
        assert_eq!(plan(&["--outcome", "dropped"]).load.result_set, u32::MAX);
        assert_eq!(plan(&[]).load.result_set, u32::MAX);
    }

    #[test]
    fn a_cgroup_is_named_by_its_inode() {
        let plan = plan(&["--cgroup", "/proc/self/fdinfo"]);
        assert_eq!(plan.cgroups.len(), 1);
        assert_eq!(plan.load.gates, gate::HOST | gate::CGROUPS);
        assert!(plan.view.signals_only);
        let words = ["--cgroup", "/no/such/cgroup"];
        assert!(try_plan(&words).is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert!(parse_duration("soon").is_err());
        assert!(parse_duration("-1s").is_err());
        assert!(parse_duration("2562047788015215h").is_err());
    }
}
