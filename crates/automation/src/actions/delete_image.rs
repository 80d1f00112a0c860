//! `aws:deleteImage`: deregisters an image and deletes its snapshots.

use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished, change_instance_state::list};
use crate::ports::Answer;

pub(super) struct DeleteImage;

impl Action for DeleteImage {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let id = call.text("ImageId")?;
            let one = |name: &str, value: Value| Map::from_iter([(name.to_owned(), value)]);
            let seen = call.request("ec2", "DescribeImages", one("ImageIds", json!([id]))).await?;
            let snapshots: Vec<&str> = list(&seen, "Images")
                .flat_map(|image| list(image, "BlockDeviceMappings"))
                .filter_map(|device| device.pointer("/Ebs/SnapshotId").and_then(Value::as_str))
                .collect();
            call.request("ec2", "DeregisterImage", one("ImageId", json!(id))).await?;
            for snapshot in snapshots {
                call.request("ec2", "DeleteSnapshot", one("SnapshotId", json!(snapshot))).await?;
            }
            Ok(Done { payload: json!({}), ..Done::default() })
        })
    }
}
