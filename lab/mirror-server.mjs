// Serves a directory over HTTPS: node mirror-server.mjs <directory> <address> <port> <certificate> <key>
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import handler from "serve-handler";

const [directory, address, port, certificate, key] = process.argv.slice(2);

const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  response.on("finish", () => console.log(new Date().toISOString(), response.statusCode, request.method, request.url));
  // Without it a path with a file name's ending would be redirected to one without.
  handler(request, response, { public: directory, symlinks: true, cleanUrls: false, etag: false }).catch((error) => {
    console.error(error);
    response.destroy();
  });
});
server.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(Number(port), address);
