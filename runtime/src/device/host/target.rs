//! Which instruction set kernels are made for.

use super::compiler::HostError;
use arch_kernels::Target;

/// Names the instruction set instead of the best that the machine has.
pub(super) const VARIABLE: &str = "ARCHC_TARGET";

/// The instruction sets that this machine can run, the best last.
#[must_use]
pub fn supported_targets() -> Vec<Target> {
    let mut targets = vec![Target::Generic];
    #[cfg(target_arch = "x86_64")]
    {
        let fma = std::is_x86_feature_detected!("fma");
        if fma && std::is_x86_feature_detected!("avx2") {
            targets.push(Target::Avx2);
        }
        let avx512 = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512vl");
        if fma && avx512 {
            targets.push(Target::Avx512);
        }
    }
    targets
}

/// The instruction set named in `ARCHC_TARGET`, else the best of this machine.
///
/// # Errors
/// If the variable names none, or one that this machine cannot run.
pub fn target() -> Result<Target, HostError> {
    let supported = supported_targets();
    let best = supported.last().copied().unwrap_or(Target::Generic);
    match std::env::var(VARIABLE).ok().filter(|n| !n.is_empty()) {
        None => Ok(best),
        Some(name) => named(&name, &supported),
    }
}

fn named(name: &str, supported: &[Target]) -> Result<Target, HostError> {
    let target = Target::named(name)
        .ok_or_else(|| HostError::UnknownTarget { name: name.into(), supported: list(supported) })?;
    check(target, supported)
}

/// The instruction set itself, if this machine can run it: an instruction that it lacks would end the process.
///
/// # Errors
/// If it cannot.
pub fn runnable(target: Target) -> Result<Target, HostError> {
    check(target, &supported_targets())
}

fn check(target: Target, supported: &[Target]) -> Result<Target, HostError> {
    if supported.contains(&target) {
        return Ok(target);
    }
    Err(HostError::UnsupportedTarget { target, supported: list(supported) })
}

fn list(targets: &[Target]) -> String {
    targets.iter().map(|t| t.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_set_that_the_machine_lacks_is_refused() {
        let some = [Target::Generic, Target::Avx2];
        assert_eq!(named("avx2", &some).unwrap(), Target::Avx2);
        let error = named("avx512", &some).unwrap_err();
        assert!(matches!(error, HostError::UnsupportedTarget { target: Target::Avx512, .. }));
        assert!(
            error.to_string().contains("avx512") && error.to_string().contains("generic, avx2"),
            "{error}"
        );
        assert!(error.help().contains(VARIABLE));
    }

    #[test]
    fn an_unknown_instruction_set_is_told_with_those_that_there_are() {
        let error = named("avx1024", &[Target::Generic]).unwrap_err();
        assert!(matches!(error, HostError::UnknownTarget { .. }));
        assert!(error.to_string().contains("avx1024") && error.help().contains("avx2"), "{error}");
    }

    #[test]
    fn every_machine_runs_the_generic_set() {
        assert_eq!(supported_targets()[0], Target::Generic);
    }
}
