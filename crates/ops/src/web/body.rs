//! Reading what a client sends, no more than is reasonable.

use std::future::poll_fn;
use std::pin::pin;

use hyper::body::{Body, Incoming};

/// `None` when it is more than `most` bytes or breaks off.
pub async fn collect(body: Incoming, most: usize) -> Option<Vec<u8>> {
    let mut body = pin!(body);
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            if all.len() + data.len() > most {
                return None;
            }
            all.extend_from_slice(&data);
        }
    }
    Some(all)
}
