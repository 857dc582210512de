//! A container that gets another name while it runs.

use super::super::Identity;
use super::super::renames::Renamed;
use super::super::resolve::Subject;
use super::Registry;
use super::entry::{Entry, State};

impl Registry {
    /// A container has got another name.
    pub fn rename(&mut self, renamed: Renamed) {
        let Renamed { id, name } = renamed;
        let known = self.by_id.peek(&Box::from(id.as_str()));
        if known.is_none_or(|known| known.name.as_ref() == Some(&name)) {
            return;
        }
        let mut subjects = Vec::new();
        let is_its = |entry: &Entry| match &entry.state {
            State::Named(identity) => identity.id.as_ref() == Some(&id),
            State::Unknown | State::Host => false,
        };
        let cgroups = self.cgroups.iter().filter(|(_, entry)| is_its(entry));
        subjects.extend(cgroups.map(|(id, _)| Subject::Cgroup(*id)));
        let namespaces = self.namespaces.iter().filter(|(_, entry)| is_its(entry));
        subjects.extend(namespaces.map(|(inode, _)| Subject::PidNs(*inode)));
        for subject in subjects {
            let Some(State::Named(identity)) = self.entry(subject).map(|entry| &entry.state) else {
                continue;
            };
            let mut identity = Identity::clone(identity);
            identity.name = Some(name.clone());
            let shared = self.shared(identity);
            if let Some(entry) = self.entry(subject) {
                entry.state = State::Named(shared);
                entry.shown = None;
            }
            if self.renamed.len() < self.limit {
                self.renamed.push(subject);
            }
        }
    }
}
