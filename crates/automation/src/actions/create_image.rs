//! `aws:createImage`: makes an image of an instance, and waits until it is there.

use super::{Action, Call, Done, Unfinished, image};
use crate::ports::Answer;

pub(super) struct CreateImage;

const INPUTS: [(&str, &str); 5] = [
    ("InstanceId", "InstanceId"),
    ("ImageName", "Name"),
    ("ImageDescription", "Description"),
    ("NoReboot", "NoReboot"),
    ("BlockDeviceMappings", "BlockDeviceMappings"),
];

impl Action for CreateImage {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            call.all_there(&["InstanceId", "ImageName"])?;
            Ok(image::made(&call, "CreateImage", call.picked(&INPUTS)).await?)
        })
    }
}
