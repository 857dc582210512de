//! Facts in, records out.
