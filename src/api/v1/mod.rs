//! Version 1.
