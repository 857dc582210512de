use std::process::ExitCode;
/// placeholder
#[derive(Debug, clap::Args)]
pub struct Args {}
pub fn run(_args: Args, _verbose: bool) -> anyhow::Result<ExitCode> {
    let t = std::time::Instant::now();
    for f in ["tp_btf", "raw_tp"] {
        let o = crate::kernel::load::Options {
            gates: 3,
            forced: if f == "raw_tp" {
                vec![
                    "signal_generate=raw_tp".parse().unwrap(),
                    "signal_deliver=raw_tp".parse().unwrap(),
                    "sched_process_exit=raw_tp".parse().unwrap(),
                    "zap=inferred_raw".parse().unwrap(),
                    "oom=raw_tp".parse().unwrap(),
                ]
            } else {
                vec![]
            },
            ..Default::default()
        };
        match crate::kernel::load::load(&o) {
            Ok(l) => {
                for a in &l.attachments {
                    println!("{} {:?} {:?}", a.hook.id, a.rung, a.refused);
                }
                println!("{:?} {:?}", t.elapsed(), l.counters());
            }
            Err(e) => println!("{e:?}"),
        }
    }
    println!(
        "{}",
        std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .filter(|l| l.starts_with("VmRSS") || l.starts_with("VmHWM"))
            .collect::<Vec<_>>()
            .join(" ")
    );
    Ok(ExitCode::SUCCESS)
}
