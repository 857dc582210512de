//! Records for the tests of the sinks.
