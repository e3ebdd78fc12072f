// Elements without HTML text: what comes from the data can never become markup.

const SVG = 'http://www.w3.org/2000/svg'

// h('button', { class: 'x', onclick: f, 'aria-label': 'y', hidden: false }, 'text', child, [more])
// Properties that are null, undefined or false are left out; functions named on… are listeners.
export function h(tag, properties, ...children) {
    return fill(document.createElement(tag), properties, children)
}

export function s(tag, properties, ...children) {
    return fill(document.createElementNS(SVG, tag), properties, children)
}

function fill(element, properties, children) {
    for (const [name, value] of Object.entries(properties ?? {})) {
        if (value === null || value === undefined || value === false) continue
        if (typeof value === 'function') element.addEventListener(name.slice(2), value)
        else element.setAttribute(name, value === true ? '' : value)
    }
    element.append(...children.flat(2).filter(child => child !== null && child !== undefined && child !== false))
    return element
}

// Text of the server, in which commands stand between backquotes.
export const prose = text => String(text).split('`').map((part, at) => (at % 2 ? h('code', {}, part) : part))

export const byId = id => document.getElementById(id)

// Small pictures, drawn with the colour of the text around them.
const ICONS = {
    back: 'M10 3 5 8l5 5',
    close: 'M4 4l8 8M12 4l-8 8',
    chart: 'M3 13V8m5 5V3m5 10V6',
    table: 'M2 4h12v9H2zM2 7.5h12M6.5 4v9',
    download: 'M8 2v8m-3.5-3L8 10.500 11.500 7M3 13.500h10',
    filter: 'M2 4h12M4.500 8h7M7 12h2',
    print: 'M4.500 6V2.500h7V6M4.500 11H2.500V6h11v5h-2M4.500 9h7v4.500h-7z',
    sun: 'M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600M8 1.200v1.600m0 10.400v1.600M1.200 8h1.600m10.400 0h1.600M3.200 3.200l1.100 1.100m7.400 7.400 1.100 1.100m0-9.600-1.100 1.100m-7.400 7.400-1.100 1.100',
    moon: 'M13 9.600A5.600 5.600 0 0 1 6.400 3a5.600 5.600 0 1 0 6.600 6.600z',
    auto: 'M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11',
}

export function icon(name) {
    return s('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' },
        s('path', { d: ICONS[name] }))
}
