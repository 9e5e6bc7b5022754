// Shows /openapi.json. The token typed into "Authorize" stays in this page's memory and is sent to this daemon alone.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reader",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  showExtensions: false,
  validatorUrl: null,
});
