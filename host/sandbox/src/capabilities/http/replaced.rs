//! Two functions of wasmtime-wasi-http that are replaced, by the version of their interface: a test for each fails when
//! that changes.

use super::HttpError;
use crate::state::State;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{RequestOptions, WasiHttpView as _};
use wasmtime_wasi_io::bindings::wasi::io::error::Error as IoError;

const TYPES: &str = "wasi:http/types@0.2.12";
const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let linked = linker
        .instance(TYPES)
        .and_then(|mut types| types.func_wrap("http-error-code", http_error_code))
        .and_then(|()| linker.instance(OUTGOING_HANDLER)?.func_wrap("handle", handle));
    linker.allow_shadowing(false);
    linked
}

/// The code of an error that a response's stream gave. The library looks for another type than the one that its own bodies
/// give, and so finds none.
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

type Handled = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

/// Sends a request. The library reads the options that the guest gave away and leaves them in the table, where they would
/// count as an open handle for ever.
fn handle(
    mut store: StoreContextMut<'_, State>,
    (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>),
) -> wasmtime::Result<(Handled,)> {
    let state = store.data_mut();
    let options_rep = options.as_ref().map(Resource::rep);
    let response = state.http().handle(request, options);
    if let Some(rep) = options_rep {
        state.table.delete(Resource::<RequestOptions>::new_own(rep))?;
    }
    match response {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}
