//! The records that come by the hundred thousand a second, written by hand.
//!
//! Byte for byte what the derived `Serialize` writes, to which the tests hold
//! it; only faster: `#[serde(flatten)]` goes through a map, and a container is
//! the same for very many records. Rare records are left to serde.

use std::sync::Arc;

use serde::Serialize;

use crate::record::{ContainerRef, Deliver, Process, Sender, Signal, SignalId, Target, When};

/// Containers that are remembered in their JSON.
const REMEMBERED: usize = 16;

/// Writes hot records, and remembers the containers they name.
#[derive(Debug, Default)]
pub struct Hot {
    /// A container cannot change, and the reference keeps its address from being
    /// used again: the same address is the same container.
    containers: Vec<(ContainerRef, Vec<u8>)>,
    /// The next one to forget.
    oldest: usize,
}

type Out = Vec<u8>;

impl Hot {
    /// Appends a `signal` record, without a line feed.
    ///
    /// # Errors
    /// Those of serde_json, for values that JSON cannot hold; none is known.
    pub fn signal(&mut self, out: &mut Out, r: &Signal) -> serde_json::Result<()> {
        out.extend_from_slice(br#"{"type":"signal","#);
        when(out, &r.when)?;
        signal_id(out, &r.signal)?;
        out.extend_from_slice(br#","sender":{"kind":""#);
        out.extend_from_slice(r.sender.kind.id().as_bytes());
        out.extend_from_slice(br#"","#);
        self.process(out, &r.sender.process)?;
        ancestors(out, &r.sender)?;
        if r.sender.injected {
            out.extend_from_slice(br#","injected":true"#);
        }
        if let Some(role) = &r.sender.role {
            text(out, r#","role":"#, role)?;
        }
        if let Some(words) = &r.sender.role_words {
            text(out, r#","role_words":"#, words)?;
        }
        out.extend_from_slice(br#"},"target":"#);
        self.target(out, &r.target)?;
        field(out, r#","scope":"#, &r.scope)?;
        field(out, r#","relation":"#, &r.relation)?;
        flag(out, r#","forced":"#, r.forced);
        field(out, r#","result":"#, &r.result)?;
        word(out, r#","outcome":""#, r.outcome.id());
        word(out, r#","reason":""#, r.reason.id());
        text(out, r#","rule":"#, &r.rule)?;
        text(out, r#","explanation":"#, &r.explanation)?;
        if !r.path.is_empty() {
            field(out, r#","path":"#, &r.path)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// Appends a `deliver` record, without a line feed.
    ///
    /// # Errors
    /// As [`Hot::signal`].
    pub fn deliver(&mut self, out: &mut Out, r: &Deliver) -> serde_json::Result<()> {
        out.extend_from_slice(br#"{"type":"deliver","#);
        when(out, &r.when)?;
        signal_id(out, &r.signal)?;
        out.extend_from_slice(br#","target":"#);
        self.target(out, &r.target)?;
        word(out, r#","outcome":""#, r.outcome.id());
        word(out, r#","reason":""#, r.reason.id());
        text(out, r#","rule":"#, &r.rule)?;
        text(out, r#","explanation":"#, &r.explanation)?;
        field(out, r#","latency_ns":"#, &r.latency_ns)?;
        field(out, r#","generated_mono_ns":"#, &r.generated_mono_ns)?;
        if !r.path.is_empty() {
            field(out, r#","path":"#, &r.path)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn target(&mut self, out: &mut Out, t: &Target) -> serde_json::Result<()> {
        out.push(b'{');
        self.process(out, &t.process)?;
        flag(out, r#","is_init":"#, t.is_init);
        flag(out, r#","is_global_init":"#, t.is_global_init);
        flag(out, r#","unkillable":"#, t.unkillable);
        field(out, r#","disposition":"#, &t.disposition)?;
        maybe(out, r#","blocked":"#, t.blocked);
        maybe(out, r#","sigwait":"#, t.sigwait);
        flag(out, r#","ptraced":"#, t.ptraced);
        flag(out, r#","exiting":"#, t.exiting);
        maybe(out, r#","frozen":"#, t.frozen);
        if let Some(disposition) = &t.sigterm_disposition {
            field(out, r#","sigterm_disposition":"#, disposition)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// The fields of a process, without braces.
    fn process(&mut self, out: &mut Out, p: &Process) -> serde_json::Result<()> {
        field(out, r#""pid":"#, &p.pid)?;
        field(out, r#","tid":"#, &p.tid)?;
        field(out, r#","ns_pid":"#, &p.ns_pid)?;
        field(out, r#","pid_ns":"#, &p.pid_ns)?;
        field(out, r#","ns_level":"#, &p.ns_level)?;
        match &p.comm {
            Some(comm) => text(out, r#","comm":"#, &comm.as_str())?,
            None => out.extend_from_slice(br#","comm":null"#),
        }
        field(out, r#","uid":"#, &p.uid)?;
        field(out, r#","start_ns":"#, &p.start_ns)?;
        out.extend_from_slice(br#","container":"#);
        match &p.container {
            Some(container) => self.container(out, container)?,
            None => out.extend_from_slice(b"null"),
        }
        if let Some(pids) = &p.ns_pids {
            field(out, r#","ns_pids":"#, pids)?;
        }
        if let Some(id) = &p.pid_ns_id {
            field(out, r#","pid_ns_id":"#, id)?;
        }
        if let Some(id) = &p.cgroup_id {
            field(out, r#","cgroup_id":"#, id)?;
        }
        if let Some(id) = &p.cgroup_v1_id {
            field(out, r#","cgroup_v1_id":"#, id)?;
        }
        Ok(())
    }

    fn container(&mut self, out: &mut Out, container: &ContainerRef) -> serde_json::Result<()> {
        let known = self
            .containers
            .iter()
            .find(|(known, _)| Arc::ptr_eq(&known.0, &container.0));
        if let Some((_, json)) = known {
            out.extend_from_slice(json);
            return Ok(());
        }
        let json = serde_json::to_vec(container)?;
        out.extend_from_slice(&json);
        let entry = (container.clone(), json);
        if self.containers.len() < REMEMBERED {
            self.containers.push(entry);
        } else {
            self.containers[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
        Ok(())
    }
}

fn when(out: &mut Out, when: &When) -> serde_json::Result<()> {
    out.extend_from_slice(br#""ts":""#);
    out.extend_from_slice(&when.ts.format());
    field(out, r#"","mono_ns":"#, &when.mono_ns)
}

fn signal_id(out: &mut Out, id: &SignalId) -> serde_json::Result<()> {
    field(out, r#","signal":{"number":"#, &id.number)?;
    text(out, r#","name":"#, &id.name)?;
    field(out, r#","code":"#, &id.code)?;
    text(out, r#","code_name":"#, &id.code_name)?;
    out.push(b'}');
    Ok(())
}

fn ancestors(out: &mut Out, sender: &Sender) -> serde_json::Result<()> {
    if sender.ancestors.is_empty() {
        return Ok(());
    }
    field(out, r#","ancestors":"#, &sender.ancestors)
}

/// A key with its colon, and a value.
fn field(out: &mut Out, key: &str, value: &impl Serialize) -> serde_json::Result<()> {
    out.extend_from_slice(key.as_bytes());
    serde_json::to_writer(out, value)
}

fn flag(out: &mut Out, key: &str, value: bool) {
    maybe(out, key, Some(value));
}

fn maybe(out: &mut Out, key: &str, value: Option<bool>) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(match value {
        Some(true) => b"true",
        Some(false) => b"false",
        None => b"null",
    });
}

/// A key with its colon and opening quote, and an id that needs no escaping.
fn word(out: &mut Out, key: &str, id: &str) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(id.as_bytes());
    out.push(b'"');
}

/// A key with its colon, and a text, which is copied whole where nothing in it
/// needs escaping. The test has no early end, so that it works on many bytes at
/// a time.
fn text(out: &mut Out, key: &str, value: &str) -> serde_json::Result<()> {
    let needs_escape = |b: u8| b < 0x20 || b == b'"' || b == b'\\';
    if value.bytes().fold(false, |any, b| any | needs_escape(b)) {
        return field(out, key, &value);
    }
    out.extend_from_slice(key.as_bytes());
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
    Ok(())
}
