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

/// Serves until killed; says where on stdout.
pub(crate) fn serve() {
    actix_web::rt::System::new().block_on(async {
        let app = || App::new().route("/{tail:.*}", web::post().to(answer));
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
        println!("listening on http://{}", server.addrs()[0]);
        server.run().await.unwrap();
    });
}
