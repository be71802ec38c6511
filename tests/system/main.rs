//! The whole product, through its binary.
