//! What is published and taken again, and what somebody could try in between.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod directories;
#[cfg(test)]
#[expect(
    dead_code,
    reason = "the tests of the registry alone ask for passwords and for one that is read only"
)]
#[path = "../support/docker_registry.rs"]
mod docker_registry;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod publishers;
#[cfg(test)]
mod registries;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod statements;
