# escape=`
FROM mcr.microsoft.com/windows/nanoserver:ltsc2022 AS w
RUN dir `
  C:\ `

# c
  /s
FROM w
COPY --from=w C:\a C:\b
RUN <<EOF
x
EOF
