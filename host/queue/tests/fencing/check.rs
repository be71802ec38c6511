//! How a check says what it found, and how it is run on stores and twins.

use crate::support::{Harness, block_on};
use crate::twin::{Flaw, Twin};
use std::fmt::Debug;

/// That something is as expected; `what` says what was compared.
pub(crate) fn same<T: Debug + PartialEq>(found: T, expected: T, what: &str) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, expected {expected:?}"))
}

/// What a check finds on a twin.
pub(crate) fn on_twin(
    flaw: Flaw,
    check: impl AsyncFnOnce(&Harness<'_, Twin>) -> Result<(), String>,
) -> Result<(), String> {
    let twin = Twin::new(flaw);
    block_on(check(&Harness::new(&twin)))
}

/// Makes tests of checks, each with the guard that it is about.
macro_rules! fenced {
    ($($check:ident fails_if $flaw:ident)*) => {
        crate::support::on_each_store! { $($check)* }

        mod whole_twin {
            $(
                #[test]
                fn $check() {
                    let found = crate::check::on_twin(crate::twin::Flaw::None, super::$check);
                    assert_eq!(found, Ok(()));
                }
            )*
        }

        mod broken_twin {
            $(
                #[test]
                fn $check() {
                    let flaw = crate::twin::Flaw::$flaw;
                    let found = crate::check::on_twin(flaw, super::$check);
                    assert!(found.is_err(), "a store that lacks this guard passes: {flaw:?}");
                }
            )*
        }
    };
}

pub(crate) use fenced;
