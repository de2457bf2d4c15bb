//! The system call filters.
//!
//! Three filters are installed; the kernel runs all of them and takes the harshest answer.
//! - *Known*: what is on no list at all does not exist (ENOSYS), so that glibc falls back to an older
//!   call, as it does on an older kernel.
//! - *Refused*: calls that a library may try in good faith get EPERM.
//! - *Deadly*: calls that no model ever has a reason for end the process, and the run with the verdict
//!   POLICY.
//!
//! Another architecture's calls (`int 0x80`) end the process too, and those of the x32 ABI do not exist.

use std::collections::BTreeMap;

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::calls::{
    ALLOWED, ALLOWED_OF_OLD, DEADLY, DEADLY_OF_OLD, FCNTLS, IOCTLS, NAMESPACES, PRCTLS, REFUSED,
    REFUSED_OF_OLD,
};
use super::{Layer, Refusal};

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// The compiled filters, each instruction packed into a word, in the order of installation: the first
/// two let the last be installed, and the last lets nothing more.
pub fn filters() -> Result<Vec<Vec<u64>>, Refusal> {
    let compiled = || -> Result<Vec<Vec<u64>>, seccompiler::Error> {
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        let compile = |rules: Rules, unmatched: SeccompAction, matched: SeccompAction| {
            let filter = SeccompFilter::new(rules, unmatched, matched, architecture)?;
            let program: BpfProgram = filter.try_into()?;
            Ok::<_, seccompiler::Error>(program.iter().map(pack).collect())
        };
        let refusal = SeccompAction::Errno(libc::EPERM as u32);
        let absent = SeccompAction::Errno(libc::ENOSYS as u32);
        Ok(vec![
            compile(deadly()?, SeccompAction::Allow, SeccompAction::KillProcess)?,
            compile(known()?, absent, SeccompAction::Allow)?,
            compile(refused()?, SeccompAction::Allow, refusal)?,
        ])
    };
    compiled().map_err(|error| Refusal {
        layer: Layer::Seccomp,
        detail: format!("the system call filters cannot be compiled: {error}"),
        remedy: "run on x86-64 or 64-bit ARM".to_owned(),
    })
}

fn unconditional(lists: &[&[c_long]]) -> Rules {
    let calls = lists.iter().flat_map(|list| list.iter());
    calls.map(|call| (*call, Vec::new())).collect()
}

fn known() -> Result<Rules, seccompiler::Error> {
    let mut rules = unconditional(&[
        ALLOWED,
        ALLOWED_OF_OLD,
        REFUSED,
        REFUSED_OF_OLD,
        DEADLY,
        DEADLY_OF_OLD,
    ]);
    for looked_at in [
        libc::SYS_ioctl,
        libc::SYS_fcntl,
        libc::SYS_prctl,
        libc::SYS_prlimit64,
    ] {
        rules.insert(looked_at, Vec::new());
    }
    Ok(rules)
}

fn refused() -> Result<Rules, seccompiler::Error> {
    /// Refuses a call unless the low 32 bits of an argument are one of these values.
    fn unless(
        argument: u8,
        allowed: impl Iterator<Item = u64>,
    ) -> Result<Vec<SeccompRule>, seccompiler::Error> {
        let conditions: Result<Vec<_>, _> = allowed
            .map(|value| {
                SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
            })
            .collect();
        Ok(vec![SeccompRule::new(conditions?)?])
    }
    let of = |values: &'static [i32]| values.iter().map(|value| u64::from(*value as u32));
    let mut rules = unconditional(&[REFUSED, REFUSED_OF_OLD]);
    rules.insert(libc::SYS_ioctl, unless(1, IOCTLS.iter().copied())?);
    rules.insert(libc::SYS_fcntl, unless(1, of(FCNTLS))?);
    rules.insert(libc::SYS_prctl, unless(0, of(PRCTLS))?);
    // Limits may be read but not set: the new ones are the third argument, a pointer.
    let sets = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![sets])?]);
    Ok(rules)
}

fn deadly() -> Result<Rules, seccompiler::Error> {
    let mut rules = unconditional(&[DEADLY, DEADLY_OF_OLD]);
    let makes: Result<Vec<_>, seccompiler::Error> = NAMESPACES
        .iter()
        .map(|namespace| {
            let flag = u64::from(*namespace as u32);
            let condition = SeccompCondition::new(
                0,
                SeccompCmpArgLen::Qword,
                SeccompCmpOp::MaskedEq(flag),
                flag,
            )?;
            Ok(SeccompRule::new(vec![condition])?)
        })
        .collect();
    rules.insert(libc::SYS_clone, makes?);
    Ok(rules)
}

fn pack(instruction: &seccompiler::sock_filter) -> u64 {
    u64::from(instruction.code) << 48
        | u64::from(instruction.jt) << 40
        | u64::from(instruction.jf) << 32
        | u64::from(instruction.k)
}

/// The program as the kernel takes it.
pub fn unpack(program: &[u64]) -> Vec<libc::sock_filter> {
    program
        .iter()
        .map(|word| libc::sock_filter {
            code: (word >> 48) as u16,
            jt: (word >> 40) as u8,
            jf: (word >> 32) as u8,
            k: *word as u32,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_call_is_on_one_list() {
        let mut seen = BTreeSet::new();
        for list in [
            ALLOWED,
            ALLOWED_OF_OLD,
            REFUSED,
            REFUSED_OF_OLD,
            DEADLY,
            DEADLY_OF_OLD,
        ] {
            for call in list {
                assert!(seen.insert(*call), "system call {call} is listed twice");
            }
        }
    }

    #[test]
    fn filters_survive_packing_and_are_small_enough_for_a_job() {
        let filters = filters().unwrap();
        assert_eq!(filters.len(), 3);
        for filter in &filters {
            let unpacked = unpack(filter);
            assert_eq!(unpacked.len(), filter.len());
            // The kernel takes at most 4096 instructions, and every program ends with a return.
            assert!(unpacked.len() < 4096);
            assert_eq!(unpacked.last().unwrap().code, 0x06);
        }
        let words: usize = filters.iter().map(Vec::len).sum();
        assert!(words * 20 < 64 * 1024, "{words} instructions");
    }
}
