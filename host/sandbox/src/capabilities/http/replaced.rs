//! What went wrong with the body of a response, in the words of WASI.
//!
//! wasmtime-wasi-http looks for another type in the stream's error than the one that its own bodies give, and so finds no
//! code. This stands in place of that one function; a test fails when its interface gets another version.

use super::HttpError;
use crate::state::State;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_io::bindings::wasi::io::error::Error as IoError;

const HTTP_TYPES: &str = "wasi:http/types@0.2.12";

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let linked =
        linker.instance(HTTP_TYPES).and_then(|mut types| types.func_wrap("http-error-code", http_error_code));
    linker.allow_shadowing(false);
    linked
}

fn http_error_code(
    mut store: StoreContextMut<'_, State>,
    (error,): (Resource<IoError>,),
) -> wasmtime::Result<(Option<ErrorCode>,)> {
    let error = store.data_mut().table.get(&error)?;
    let code = error.downcast_ref::<HttpError>().map(|error| match error {
        HttpError::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        HttpError::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        HttpError::HttpProtocolError => ErrorCode::HttpProtocolError,
        // All else that can happen to a body on its way.
        _ => ErrorCode::ConnectionTerminated,
    });
    Ok((code,))
}
