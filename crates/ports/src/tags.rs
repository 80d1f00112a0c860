//! Tags as they are now.

use std::future::Future;

use plumb_model::{Control, ResourceRef, Tags};

use crate::PortError;

/// Reads a resource's tags.
pub trait ReadTags {
    /// The tags of a control's resource as they are now; empty for one that has none, can have none, or is gone. What
    /// can't be found out is an error.
    fn tags(
        &self,
        control: &Control,
        resource: &ResourceRef,
    ) -> impl Future<Output = Result<Tags, PortError>> + Send;
}
