//! The capture loop.
