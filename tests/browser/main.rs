//! The page of `sigwhy report --html` in a real browser: a headless Chromium, as
//! keys, a pointer, a narrow window, no script and hostile names meet it.
//!
//! `cargo xtask browser test` installs what it needs. The recording is a real one
//! (`docker-stop.zst`: four `docker stop`s on 6.18; only the host's name was
//! changed), so nothing here takes root.

mod chromium;
mod keys;
mod looks;
mod page;
mod safety;

type Outcome = anyhow::Result<()>;
