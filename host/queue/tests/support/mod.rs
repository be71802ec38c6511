//! What every test of a store needs: stores to open, requests with sensible defaults, and short ways to make them.
//!
//! A test is an async function over any [`Store`](mainworker_queue::store::Store). [`on_each_store`] makes it a test of each
//! store that there is, under one name.

mod fixture;
mod harness;
mod requests;

pub(crate) use fixture::*;
pub(crate) use harness::*;
pub(crate) use requests::*;

/// Makes tests of the functions that are named, for each store.
macro_rules! on_each_store {
    ($($test:ident)*) => {
        crate::support::on_store! { memory Memory $($test)* }
        crate::support::on_store! { sqlite Sqlite $($test)* }
    };
}

/// Makes tests for one store, in a module with its name.
macro_rules! on_store {
    ($name:ident $fixture:ident $($test:ident)*) => {
        mod $name {
            $(
                #[test]
                fn $test() {
                    crate::support::run::<crate::support::$fixture, _>(super::$test);
                }
            )*
        }
    };
}

pub(crate) use {on_each_store, on_store};
