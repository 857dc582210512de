//! What the registry costs, and that nobody can make it cost more.

use std::process::Command;
use std::time::Instant;

use super::*;

#[test]
fn a_flood_of_cgroups_stays_within_bounds() {
    let mut registry = Registry::with_limit(100);
    let kept = place(1000, 7, 100);
    registry.find(&kept, 0);
    answer(&mut registry, 0, |_| named("kept"));
    for n in 0..20_000u32 {
        let now = u64::from(n);
        registry.find(&place(u64::from(n) + 2000, n + 8, n + 101), now);
        assert_eq!(name(registry.find(&kept, now)).as_deref(), Some("kept"));
        if n % 1000 == 0 {
            assert!(registry.wants(now).len() <= 200);
        }
    }
    assert!(registry.len() <= 200 && registry.due.len() <= 400);
    assert!(registry.subjects.len() <= 200);
    // And what is new is still asked about.
    registry.wants(SECOND);
    registry.find(&place(5, 5, 5), SECOND);
    assert_eq!(registry.wants(SECOND).len(), 2);
}

/// Containers of a length of name that is common, found and named.
fn full(count: u32) -> (Registry, Vec<Place>) {
    let mut registry = Registry::new();
    let places: Vec<Place> = (0..count)
        .map(|n| place(u64::from(n) + 100, n + 10, n + 1000))
        .collect();
    for at in &places {
        registry.find(at, 0);
    }
    while answer(&mut registry, 0, |question| {
        let n = match question.subject {
            Subject::Cgroup(id) => id.id - 100,
            Subject::PidNs(inode) => u64::from(inode) - 10,
        };
        let mut identity = identity(&format!("container-{n}"));
        identity.id = Some(format!("{n:064x}"));
        identity.image = Some("registry.example/some/image:1.2.3".to_owned());
        identity.cgroup = Some(format!("/docker/{n:064x}"));
        Verdict::Container(Box::new(identity))
    }) > 0
    {}
    (registry, places)
}

/// Nanoseconds per look-up, of all containers in turn.
fn pace(registry: &mut Registry, places: &[Place], rounds: u32) -> f64 {
    let began = Instant::now();
    let mut found = 0u64;
    for _ in 0..rounds {
        for at in places {
            found += u64::from(matches!(registry.find(at, 1), Found::Named(_)));
        }
    }
    let looked_up = u64::from(rounds) * places.len() as u64;
    assert_eq!(found, looked_up, "every one has its name");
    began.elapsed().as_nanos() as f64 / looked_up as f64
}

fn bytes_per_container(registry: &Registry, count: u32) -> usize {
    let names: usize = (0..count)
        .filter_map(|n| registry.identity(&format!("{n:064x}")))
        .map(|identity| size_of::<Identity>() + 2 * size_of::<usize>() + identity.heap())
        .sum();
    (registry.heap() + names) / count as usize
}

#[test]
fn ten_thousand_containers_cost_a_look_up_no_more_than_ten() {
    let (mut few, few_places) = full(10);
    let (mut many, many_places) = full(10_000);
    let few_ns = pace(&mut few, &few_places, 5_000);
    let many_ns = pace(&mut many, &many_places, 5);
    let bytes = bytes_per_container(&many, 10_000);
    println!("{few_ns:.0} ns of 10, {many_ns:.0} ns of 10 000, {bytes} bytes each");
    // Caches make a difference, and so does a busy machine; a search would make
    // one of a thousand times.
    assert!(many_ns < 20_000.0 && many_ns < 100.0 * few_ns.max(50.0));
    assert!(bytes < MOST_EACH, "{bytes} bytes for each container");
}

/// What 10 000 containers may take all in all, in bytes for each: 39 MiB. Measured,
/// it is half of that.
const MOST_EACH: usize = 4096;

/// What this process has in memory (VmRSS), in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a /proc");
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<usize>().ok());
    kib.expect("VmRSS in /proc/self/status") << 10
}

const ALONE: &str = "container::registry::tests::bounds::ten_thousand_containers_alone";

#[test]
fn ten_thousand_containers_cost_little_memory() {
    // The other tests of this process come and go in the same memory.
    let own = std::env::current_exe().expect("a program");
    let output = Command::new(own)
        .args([ALONE, "--exact", "--ignored", "--nocapture"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(" 1 passed"),
        "{said}"
    );
    for line in said.lines().filter(|line| line.contains(" containers: ")) {
        println!("{line}");
    }
}

#[test]
#[ignore = "needs a process to itself: ten_thousand_containers_cost_little_memory runs it"]
fn ten_thousand_containers_alone() {
    const COUNT: u32 = 10_000;
    // What the first one brings along is not theirs.
    drop(full(10));
    let before = resident();
    let (mut registry, places) = full(COUNT);
    pace(&mut registry, &places, 1);
    let grown = resident().saturating_sub(before);
    let each = grown / COUNT as usize;
    let counted = bytes_per_container(&registry, COUNT);
    println!(
        "{COUNT} containers: {:.1} MiB of memory more, {each} bytes each; {counted} are counted",
        grown as f64 / f64::from(1 << 20)
    );
    assert!(each < MOST_EACH, "{each} bytes for each container");
    // A figure that is far too small would be one of something else.
    assert!(each > size_of::<Identity>(), "{each} bytes");
}

#[test]
#[ignore = "a measurement: run it alone, with --release --nocapture"]
fn measure() {
    for count in [1, 10, 100, 1_000, 10_000] {
        let (mut registry, places) = full(count);
        let rounds = 2_000_000 / count;
        let mut best = f64::MAX;
        for _ in 0..5 {
            best = best.min(pace(&mut registry, &places, rounds));
        }
        let bytes = bytes_per_container(&registry, count);
        println!("{count:>6} containers: {best:6.1} ns, {bytes} bytes each");
    }
}
