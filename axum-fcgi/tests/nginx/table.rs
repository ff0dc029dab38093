//! All cases, and the variants that each one runs in.

use crate::{
    basics, bodies, client_address, connections, facts, failures, hang_up, headers, like_proxy_pass, load,
    matrix::{
        BUFFERED, EVERY, NO_REQUEST_BODY, OPPOSITES, STOCK, STREAMED_UPLOADS, STREAMING, WAITS_FOR_CLOSE,
    },
    runner::Case,
    same_extractors, same_files, same_layers, seed, shutdown, slow_clients, streaming, wrong_pass,
};

macro_rules! cases {
    ($($over:ident: $module:ident { $($name:ident),+ $(,)? })+) => {
        vec![$($(Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            over: $over,
            run: |place| Box::pin($module::$name(place)),
        },)+)+]
    };
}

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        EVERY: basics {
            get,
            get_empty,
            head,
            head_of_a_stream,
            no_content,
            not_modified,
            not_found,
            redirects,
            cookies,
            query_and_percent_encoding,
        }
        EVERY: headers {
            repeated_request_headers_all_arrive,
            bytes_above_ascii_stay_as_they_are,
            http_proxy_never_becomes_a_header,
            content_headers_come_once,
            large_response_headers,
        }
        EVERY: client_address {
            connect_info_is_the_real_client,
            make_service_gets_the_real_client,
            web_server_addr_is_where_nginx_listens,
            params_are_as_nginx_sent_them,
        }
        OPPOSITES: client_address {
            connect_info_of_a_unix_client_is_unspecified,
        }
        OPPOSITES: like_proxy_pass {
            http2_requests_can_be_forwarded,
            reason_phrases_reach_the_client,
        }
        OPPOSITES: facts {
            extractors_see_nginx_variables,
            remote_user_is_unverified_without_auth,
            files_are_sent_by_nginx,
        }
        EVERY: facts {
            lines_on_stderr_are_in_nginx_error_log,
            a_flood_of_lines_delays_no_response,
        }
        EVERY: connections {
            are_kept_when_nginx_asks_for_it,
        }
        EVERY: bodies {
            post_of_4_bytes_is_answered_early,
            small_bodies_are_echoed,
            post_of_10_mb_is_read,
            post_of_10_mb_is_not_read,
            post_of_10_mb_is_read_in_part,
            upload_without_content_length,
            expect_100_continue_is_handled_by_nginx,
        }
        OPPOSITES: bodies {
            early_head_stops_the_upload,
        }
        STREAMED_UPLOADS: bodies {
            chunked_upload_arrives_as_it_is_sent,
            upload_with_content_length_arrives_as_it_is_sent,
            response_starts_before_the_upload_ends,
        }
        NO_REQUEST_BODY: bodies {
            response_trailers_are_dropped,
            download_of_100_mb,
        }
        EVERY: streaming {
            sse_events_arrive_one_by_one,
            body_frames_arrive_one_by_one,
            head_arrives_before_the_body,
        }
        BUFFERED: slow_clients {
            occupy_nginx_and_not_the_application,
        }
        EVERY: hang_up {
            drops_a_waiting_handler,
            drops_a_waiting_body,
            drops_a_writing_body,
        }
        STREAMED_UPLOADS: hang_up {
            never_ends_an_aborted_upload_cleanly,
        }
        EVERY: load {
            two_hundred_clients_at_once,
        }
        EVERY: shutdown {
            lets_requests_in_flight_end,
            under_load_loses_no_response,
            is_not_delayed_by_idle_connections,
        }
        NO_REQUEST_BODY: failures {
            panic_in_the_handler_is_a_500,
            panic_in_the_handler_is_in_nginx_error_log,
            panic_with_a_long_text_is_a_500,
            switching_protocols_is_a_500,
            panic_in_the_body_looks_incomplete,
            error_in_the_body_looks_incomplete,
            short_body_looks_incomplete,
            long_body_is_truncated,
        }
        STREAMING: failures {
            failure_after_the_first_part_looks_incomplete,
        }
        WAITS_FOR_CLOSE: seed {
            early_404_does_not_stall_nginx,
        }
        STOCK: seed {
            forgetful_driver_does_stall_nginx,
        }
        STOCK: wrong_pass {
            another_protocol_is_named_in_the_log,
        }
        OPPOSITES: same_extractors {
            routing,
            method_and_version,
            status_codes,
            original_uri,
            host,
            matched_path,
            path,
            query,
            form,
            json,
            multipart,
            bytes_and_string,
            state,
            extension,
            sse,
            cookies,
        }
        OPPOSITES: same_layers {
            trace,
            compression,
            decompression,
            cors,
            timeout,
            limit,
            catch_panic,
            request_id,
            sensitive_headers,
        }
        OPPOSITES: same_files {
            whole_files,
            ranges,
            not_modified,
            head,
        }
    }
}
