//! What is published and taken again, and what somebody could try in between.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod directories;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod publishers;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod statements;
