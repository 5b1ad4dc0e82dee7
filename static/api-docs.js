// Draws the schema of the API; what is tried goes out with the session of the reader and the CSRF token of this page.
const place = document.querySelector("#api-docs");
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

// Swagger UI's own dark colours hang on a class; it follows the theme chosen here, else the system.
function follow() {
  root.classList.toggle("dark-mode", root.dataset.bsTheme ? root.dataset.bsTheme === "dark" : system.matches);
}
follow();
system.addEventListener("change", follow);
document.addEventListener("theme", follow);

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  docExpansion: "none", // all of them open, it draws more than 123 only while one scrolls
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  presets: [window.SwaggerUIBundle.presets.apis],
  requestInterceptor: (request) => {
    if (new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = place.dataset.csrf;
    return request;
  },
});
