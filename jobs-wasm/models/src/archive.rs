//! What the job `archive-stream` takes and what it returns, and the index that it leaves beside each archived recording.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Seconds;

/// Which recording to archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveStreamPayload {
    /// The recording's media playlist, relative to the mount `recordings`, for example `2015/launch/index.m3u8`.
    #[schemars(length(max = 1000), regex(pattern = r"^[^/].*\.m3u8$"))]
    pub playlist: String,
}

/// What was archived. The same for a recording that was already there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveStreamReport {
    /// The recording, relative to the mount `archive`.
    pub file: String,
    /// Its index, relative to the mount `archive`: an [`ArchiveIndex`].
    pub index: String,
    /// Bytes of the recording.
    pub bytes: u64,
    /// Transport stream packets of the recording.
    pub packets: u64,
    /// Segments that it was made of.
    pub segments: u64,
    /// Segments at which the stream begins anew.
    pub discontinuities: u64,
    /// How long it plays, by its playlist.
    pub seconds: Seconds,
}

/// What lies where in an archived recording.
///
/// Only the playlist and its segments decide what is in it, not the time nor the run, so archiving the same recording
/// again gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveIndex {
    /// The playlist that it was made from, relative to the mount `recordings`.
    pub playlist: String,
    /// The recording, relative to the mount `archive`.
    pub file: String,
    /// Bytes of the recording.
    pub bytes: u64,
    /// Transport stream packets of the recording.
    pub packets: u64,
    /// How long it plays, by its playlist.
    pub seconds: Seconds,
    /// The number of the first segment in the stream that was recorded. Above 0 if the playlist no longer names the
    /// stream's beginning.
    pub media_sequence: u64,
    /// The number of discontinuities in that stream before the first segment.
    pub discontinuity_sequence: u64,
    /// Bytes before which the stream begins anew, with other encoding or timestamps: the `offset` of each segment that is
    /// a discontinuity.
    pub discontinuity_offsets: Vec<u64>,
    /// The segments, in the order in which they lie in the recording.
    pub segments: Vec<ArchivedSegment>,
}

/// One segment of an archived recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchivedSegment {
    /// The segment's file, relative to the mount `recordings`.
    pub file: String,
    /// The bytes of the recording before it.
    pub offset: u64,
    /// Its own bytes.
    pub bytes: u64,
    /// How long it plays, by its playlist.
    pub seconds: Seconds,
    /// Whether the stream begins anew with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discontinuity: bool,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub digest: String,
}
