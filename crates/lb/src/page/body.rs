//! Reading what a client sends, no more than is reasonable.

use std::future::poll_fn;
use std::pin::pin;

use hyper::body::{Body, Incoming};

/// One buffer of HAProxy's.
const MOST: usize = 16 * 1024;

/// `None` when it is too much or breaks off.
pub(super) async fn collect(body: Incoming) -> Option<Vec<u8>> {
    let mut body = pin!(body);
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            if all.len() + data.len() > MOST {
                return None;
            }
            all.extend_from_slice(&data);
        }
    }
    Some(all)
}
