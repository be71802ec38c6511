//! The timeout of a task.

use crate::limits::{Limit, Limits};

/// The limits of each attempt at a task that asks for no more than `timeout_ms` of wall time. It only lowers what the job's
/// manifest and the host allow, and processor time with it.
pub fn lower_wall(limits: &Limits, timeout_ms: Option<u64>) -> Limits {
    let Some(timeout_ms) = timeout_ms else { return limits.clone() };
    let wall_ms = limits.get(Limit::Wall).min(timeout_ms);
    let cpu_ms = limits.get(Limit::Cpu).min(wall_ms);
    limits.clone().with(Limit::Wall, wall_ms).with(Limit::Cpu, cpu_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_only_lowers() {
        let limits = Limits::default();
        assert_eq!(lower_wall(&limits, None), limits);
        assert_eq!(lower_wall(&limits, Some(u64::MAX)), limits);
        let lowered = lower_wall(&limits, Some(5_000));
        assert_eq!((lowered.get(Limit::Wall), lowered.get(Limit::Cpu)), (5_000, 5_000));
        assert_eq!(lowered.get(Limit::Memory), limits.get(Limit::Memory));
    }
}
