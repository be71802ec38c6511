//! What the process asks of its system: to leave no memory behind, to open as many files as jobs may hold, and how it takes
//! signals.

use crate::exit_code::ExitCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::exit;
use std::sync::mpsc;
use std::thread;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Sent to a process that writes more to a file than its limit allows (Linux). With a handler the write fails instead.
const SIGXFSZ: i32 = 25;

/// Turns core files off, since a host that crashes has secrets in its memory, and raises the number of open files to what
/// the system allows: the usual 1,024 are fewer than one job may hold.
pub fn set_limits() {
    // Lowering a limit of one's own, or raising it within its maximum, cannot be refused.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
}

/// Takes the signals that ask the process to stop: at the first `stop` is called, a second one ends the process where it is. On a thread of its own, so that nothing the rest of the process waits for can keep it.
///
/// Returns when the handlers are there.
pub fn on_stop_signal(stop: impl FnOnce() + Send + 'static) {
    let (installed, wait) = mpsc::channel();
    thread::spawn(move || {
        // Without a runtime or handlers the signals do what they do by default.
        let Ok(runtime) = Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            let handler = |kind| signal(kind).ok();
            let (Some(mut interrupt), Some(mut terminate), Some(mut hangup)) = (
                handler(SignalKind::interrupt()),
                handler(SignalKind::terminate()),
                handler(SignalKind::hangup()),
            ) else {
                return;
            };
            // A job that writes beyond the host's limit for files should fail, not end the host.
            let _too_large_a_file = signal(SignalKind::from_raw(SIGXFSZ));
            let _ = installed.send(());
            let mut stop = Some(stop);
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    // The terminal is gone; without a handler the process would be, too, in the midst of its attempts.
                    _ = hangup.recv() => {}
                }
                match stop.take() {
                    Some(stop) => stop(),
                    None => end(),
                }
            }
        });
    });
    // No answer comes where there are no handlers.
    let _ = wait.recv();
}

#[expect(clippy::exit, reason = "whoever asks twice wants the process gone, whatever it waits for")]
fn end() {
    exit(ExitCode::Interrupted.number().into());
}
