//! More than one thread.

use libc::{SIGKILL, SIGQUIT, SIGTERM, SIGUSR1};
use sigwhy::lab::arena::{Disposition, Order, Status};

use super::cases;
use super::scene::{Family, SOON};
use crate::harness::expect::{deliver, sig};

cases! {
    e15_only_the_main_thread_blocks
    "the hole: upstream kernels kill such an init from inside, patched ones drop the signal at delivery" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.threads(1, &[])?;
        init.block(&[SIGTERM])?;
        // Where the init dies of it, the sender does too, perhaps before it answers.
        let _ = inside.kill(1, SIGTERM);
        // Both kinds of kernel are right; the process tells which one this is.
        if init.fate(SOON)? == Status::Alive {
            s.signals(&init, [sig(SIGTERM).queued("blocked").by(&inside, "same")]);
            s.deliveries(&init, [deliver(SIGTERM).outcome("dropped").reason("unkillable_init_at_dequeue")]);
        } else {
            s.dies_of(&init, SIGTERM)?;
            s.signals(&init, [sig(SIGTERM).fatal("default_terminate").by(&inside, "same")]);
        }
    }
    e15b_the_same_with_a_core_signal
    "a signal that would dump core is not fatal at once, so the shield holds" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.threads(1, &[])?;
        init.block(&[SIGQUIT])?;
        inside.kill(1, SIGQUIT)?;
        s.until("a worker takes it", || {
            init.signal_sets().is_ok_and(|sets| sets.shared_pending == 0)
        })?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGQUIT).queued("blocked").by(&inside, "same")]);
        s.deliveries(&init, [deliver(SIGQUIT).outcome("dropped").reason("unkillable_init_at_dequeue")]);
    }
    e15c_no_thread_blocks
    "threads alone make no difference" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.threads(2, &[])?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).dropped("unkillable_init").by(&inside, "same")]);
    }
    e47_execve_of_many_threads
    "execve ends the other threads without a signal" |s| {
        let Family { init, .. } = s.family()?;
        init.threads(2, &[])?;
        init.exec("second")?;
        s.lives(&init)?;
        s.signals(&init, []);
        // Nobody sent a SIGKILL, and the process lives on.
        let by_execve = || {
            deliver(SIGKILL).outcome("fatal").reason("group_exit").with("/rule", "get_signal/group_exec_task")
        };
        s.deliveries(&init, [by_execve(), by_execve()]);
    }
    e48_exit_of_many_threads
    "exit_group ends the other threads without a signal" |s| {
        let Family { init, .. } = s.family()?;
        init.threads(2, &[])?;
        init.order(Order::Exit { code: 5 })?;
        assert_eq!(init.await_death(SOON)?, Status::Exited(5));
        s.signals(&init, []);
        s.deliveries(&init, [
            deliver(SIGKILL).outcome("fatal").reason("group_exit"),
            deliver(SIGKILL).outcome("fatal").reason("group_exit"),
        ]);
    }
    x11_the_main_thread_is_gone
    "an init whose main thread exited is an init still" |s| {
        let Family { host, init, .. } = s.family()?;
        init.order(Order::LeaderExit)?;
        host.kill(init.pid(), SIGTERM)?;
        s.lives(&init)?;
        host.kill(init.pid(), SIGKILL)?;
        s.is_reaped_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGTERM).dropped("unkillable_init").by(&host, "ancestor"),
            sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true),
            // The thread that is left runs the zap, and meets itself there.
            // `result` is `already_pending` on 5.10, `ignored` since.
            sig(SIGKILL).outcome("dropped").reason("target_exiting").forced(true).code(0x80),
        ]);
    }
    x12b_a_signal_to_an_exited_thread
    "a signal to one thread that has exited reaches nobody, whatever the kernel prints" |s| {
        let host = s.host("host")?;
        let many = host.spawn_child("many")?;
        many.order(Order::LeaderExit)?;
        let order = Order::TgKill { tgid: many.pid(), tid: many.pid(), signal: SIGUSR1 };
        host.order(order)?;
        s.lives(&many)?;
        // `result` is `ignored` from 7.2 on, and `delivered` before.
        s.signals(&many, [
            sig(SIGUSR1).outcome("dropped").reason("exiting_thread").by(&host, "same").for_thread(),
        ]);
    }
    n11_the_process_is_signalled_and_a_worker_hears
    "a handler runs in a thread that does not block" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(SIGUSR1, Disposition::Handler)?;
        init.threads(1, &[])?;
        init.block(&[SIGUSR1])?;
        inside.kill(1, SIGUSR1)?;
        s.until("the handler runs", || init.caught(SIGUSR1).is_ok_and(|count| count == 1))?;
        s.signals(&init, [sig(SIGUSR1).with("/outcome", "queued").with("/result", "delivered")]);
        s.deliveries(&init, [deliver(SIGUSR1).outcome("handled")]);
    }
    n12_kill_of_many_threads
    "one SIGKILL, one record, and every thread takes its own" |s| {
        let host = s.host("host")?;
        let many = host.spawn_child("many")?;
        many.threads(2, &[])?;
        host.kill(many.pid(), SIGKILL)?;
        s.dies_of(&many, SIGKILL)?;
        s.signals(&many, [sig(SIGKILL).fatal("kill").by(&host, "same")]);
        s.deliveries(&many, [
            deliver(SIGKILL).outcome("fatal"),
            deliver(SIGKILL).outcome("fatal"),
            deliver(SIGKILL).outcome("fatal"),
        ]);
    }
}
