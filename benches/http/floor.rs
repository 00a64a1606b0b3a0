//! The floor: a bare actix handler that parses the same JSON and answers a constant.

use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde::Deserialize;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    visitor: std::borrow::Cow<'a, str>,
}

async fn answer(body: Bytes) -> HttpResponse {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    std::hint::black_box(body.visitor);
    HttpResponse::Ok().content_type("application/json").body(
        r#"{"visitor":"visitor-000000","assignments":[{"experiment":"bench","variant":"control","payload":{"v":"control"},"reason":"sticky","epoch":1,"propensity":0.25,"holdout":false,"sticky":true}]}"#,
    )
}

#[derive(Deserialize)]
struct Flags<'a> {
    #[serde(borrow)]
    context: Context<'a>,
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow, rename = "targetingKey")]
    targeting_key: std::borrow::Cow<'a, str>,
}

async fn flags(body: Bytes, flags: web::Data<String>) -> HttpResponse {
    let Ok(body) = serde_json::from_slice::<Flags<'_>>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    std::hint::black_box(body.context.targeting_key);
    HttpResponse::Ok()
        .content_type("application/json")
        .body(flags.as_str().to_owned())
}

/// Serves until killed, these flags to all who ask for some; says where on stdout.
pub(crate) fn serve(answer_to_flags: String) {
    actix_web::rt::System::new().block_on(async {
        let bytes = web::Data::new(answer_to_flags);
        let app = move || {
            App::new()
                .app_data(bytes.clone())
                .route("/ofrep/{tail:.*}", web::post().to(flags))
                .route("/{tail:.*}", web::post().to(answer))
        };
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
        println!("listening on http://{}", server.addrs()[0]);
        server.run().await.unwrap();
    });
}
