// CloudFront function on each request of a viewer. The lists are filled in by Terraform (cloudfront.tf).
import crypto from 'crypto';

const addresses = ${addresses};
const passwords = ${passwords};

function known(authorization) {
    const prefix = 'Basic ';
    if (!authorization || !authorization.value.startsWith(prefix)) return false;
    const given = Buffer.from(authorization.value.slice(prefix.length), 'base64');
    // Sums are compared, not passwords, so the time that it takes tells nothing that helps.
    return passwords.includes(crypto.createHash('sha256').update(given).digest('hex'));
}

function handler(event) {
    const request = event.request;
    if (addresses.includes(event.viewer.ip) || known(request.headers.authorization)) return request;
    if (passwords.length === 0) return { statusCode: 403, statusDescription: 'Forbidden' };
    return {
        statusCode: 401,
        statusDescription: 'Unauthorized',
        headers: { 'www-authenticate': { value: 'Basic realm="tote", charset="UTF-8"' } },
    };
}
