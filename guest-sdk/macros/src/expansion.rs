//! What `#[mainworker::job]` writes beside the author's function.

use proc_macro2::TokenStream;
use quote::quote;

use crate::job_function::{self, JobFunction};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match job_function::read(&attribute, &item) {
        Ok(job) => beside(&job, &item),
        Err(refusal) => {
            let error = refusal.error.to_compile_error();
            // With the function still there its callers compile, and only the true fault is reported.
            if refusal.keep_item { quote!(#error #item) } else { error }
        }
    }
}

fn beside(job: &JobFunction, item: &TokenStream) -> TokenStream {
    let JobFunction { name, payload, report } = job;
    // In a nameless constant nothing that is written here can clash with what the author writes, and the impl is there on
    // every target, so that a native build checks the types and two native jobs share no symbol.
    quote! {
        #item

        const _: () = {
            struct __MainWorkerJob;

            impl ::mainworker::__private::Job for __MainWorkerJob {
                type Payload = #payload;
                type Report = #report;
                const EXPORTS: ::mainworker::__private::Exports =
                    ::mainworker::__private::exports::<Self, #payload, #report>();

                fn run(
                    task: &::mainworker::Task,
                    payload: #payload,
                ) -> ::core::result::Result<#report, ::mainworker::Failure> {
                    #name(task, payload)
                }
            }

            // Natively nothing else may use the function, and it is not dead code.
            const _: fn(&::mainworker::Task, #payload) -> ::core::result::Result<#report, ::mainworker::Failure> =
                <__MainWorkerJob as ::mainworker::__private::Job>::run;

            #[cfg(target_arch = "wasm32")]
            type __MainWorkerExport = ::mainworker::__private::Export<__MainWorkerJob>;

            #[cfg(target_arch = "wasm32")]
            ::mainworker::__private::bindings::export!(
                __MainWorkerExport with_types_in ::mainworker::__private::bindings
            );
        };
    }
}
