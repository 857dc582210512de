//! What no record tells and a look at the machine does: [`crate::waits`] and
//! [`crate::audit`] find it, the catalogue only has its words.

use super::Finding;
use crate::episode::story::Story;

/// No story shows it.
pub fn no_record(_: &Story) -> Option<Finding> {
    None
}
