//! Which cgroup hierarchies this machine has, as far as the kernel side needs
//! to know: the v1 controller, if any, whose hierarchy names containers.

/// Controllers in the order of preference: runtimes put a container of its own
/// into each of these, and the first ones are the cheapest to keep.
const PREFERRED: [&str; 6] = ["pids", "devices", "freezer", "memory", "cpu", "cpuacct"];

/// The v1 controller to read, from the text of `/proc/cgroups`
/// (`subsys_name hierarchy num_cgroups enabled`); hierarchy 0 is cgroup v2.
pub fn v1_controller(proc_cgroups: &str) -> Option<&'static str> {
    v1_hierarchy(proc_cgroups).map(|(controller, _)| controller)
}

/// The same with the number of its hierarchy.
pub fn v1_hierarchy(proc_cgroups: &str) -> Option<(&'static str, u32)> {
    PREFERRED.into_iter().find_map(|wanted| {
        let number = proc_cgroups.lines().find_map(|line| {
            let mut columns = line.split_whitespace();
            (columns.next() == Some(wanted)).then(|| columns.next()?.parse::<u32>().ok())?
        });
        Some((wanted, number.filter(|number| *number != 0)?))
    })
}

#[cfg(test)]
mod tests {
    use super::{v1_controller, v1_hierarchy};

    #[test]
    fn hybrid_prefers_pids() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t4\t2\t1\npids\t8\t1\t1\n";
        assert_eq!(v1_controller(text), Some("pids"));
        assert_eq!(v1_hierarchy(text), Some(("pids", 8)));
    }

    #[test]
    fn unified_has_none() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\npids\t0\t1\t1\n";
        assert_eq!(v1_controller(text), None);
        assert_eq!(v1_controller(""), None);
    }
}
